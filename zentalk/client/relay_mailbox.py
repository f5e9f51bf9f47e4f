"""A mailbox at a relay, collected by HTTP requests alone, for programs that run on trio.

It is for programs that cannot keep a link open: scripts, gateways, devices that wake now and then.
The relay, and anyone who watches the line, sees your address; an API node collects through tunnels.
Docs: docs/reference/relay-http.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, DecodeError, RefusedError, TransportError
from zentalk.ids import SEND_ID_BYTES, MailboxId, NodeId, SendId
from zentalk.mailbox.http_credentials import (
    Credentials,
    decode_base64,
    decode_base64_any,
    encode_base64,
    format_credentials,
)
from zentalk.mailbox.http_proof import NONCE_BYTES, HttpClaim, HttpRequest, sign_http

NONCE_HEADER: Final = "Zentalk-Nonce"
_NO_NONCE: Final = bytes(NONCE_BYTES)
_TOKEN_BYTES: Final = 32
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""An answer above this is refused; a full window of the largest envelopes is far smaller."""
_MAX_U64: Final = 2**64 - 1
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed envelope that waits; `number` is what to acknowledge once it is saved."""

    number: int
    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)
    arrived_hour: int


class _Envelope(BaseModel):
    number: Annotated[int, Field(ge=0, le=_MAX_U64)]
    send_id: str
    envelope: str
    arrived_hour: int


class _Token(BaseModel):
    token: str


class _Pending(BaseModel):
    model_config = ConfigDict(strict=True)
    envelopes: list[_Envelope]
    tokens: list[_Token]


class RelayMailbox:
    """One mailbox at one relay.

    `http` has the relay's base URL; its time-out for reading is how long the relay may be late,
    beyond what it is asked to wait. `generation` must be above all that were used for this mailbox
    before, for example unix time. One request at a time.
    """

    def __init__(
        self, http: httpx.AsyncClient, relay: NodeId, key: SigningKey, generation: int
    ) -> None:
        self._http = http
        self._relay = relay
        self._key = key
        self._generation = generation
        self._nonce = _NO_NONCE
        self.tokens: list[bytes] = []
        """Ack tokens that came with envelopes, 32 bytes each."""

    async def register(self, contacts: Iterable[SendId] = (), acks: Iterable[SendId] = ()) -> None:
        """Let others deposit under send ids, and let acks end at some.

        Raises what `pending` raises.
        """
        kinds = [(item, "contact") for item in contacts] + [(item, "ack") for item in acks]
        add = [{"id": encode_base64(send_id), "kind": kind} for send_id, kind in kinds]
        await self._ask("POST", "/relay/send-ids", {"add": add})

    async def pending(self, wait_seconds: int = 1) -> list[Waiting]:
        """Return what is not acknowledged; wait so long (at most 25 s) if that is nothing.

        Raises ConflictError if a newer generation collects this mailbox, RefusedError if the
        relay takes no requests now, TransportError if it cannot be reached, and DecodeError if
        it answers what this is no answer to.
        """
        target = f"/relay/pending?wait={wait_seconds}"
        waiting, tokens = read_pending(await self._ask("GET", target, wait_seconds=wait_seconds))
        self.tokens += tokens
        return waiting

    async def acknowledge(self, waiting: Sequence[Waiting]) -> None:
        """Let the relay delete what is saved. Raises what `pending` raises."""
        numbers = [item.number for item in waiting]
        await self._ask("POST", "/relay/acknowledge", {"numbers": numbers})

    async def _ask(
        self, method: str, target: str, content: object = None, *, wait_seconds: int = 0
    ) -> bytes:
        """Ask with the nonce of the last answer; once more if it is too old."""
        status, answer = await self._ask_once(method, target, content, wait_seconds)
        if status == HTTPStatus.UNAUTHORIZED:
            status, answer = await self._ask_once(method, target, content, wait_seconds)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        if status == HTTPStatus.CONFLICT:
            raise ConflictError("another session collects this mailbox: take a higher generation")
        raise RefusedError(str(status), f"the relay answered {status}")

    async def _ask_once(
        self, method: str, target: str, content: object, wait_seconds: int
    ) -> tuple[int, bytes]:
        body = b"" if content is None else json.dumps(content).encode()
        asked = HttpRequest(method.encode(), target.encode(), body)
        signature = sign_http(self._key, self._relay, self._generation, self._nonce, asked)
        claim = HttpClaim(MailboxId(self._key.public), self._generation, self._nonce)
        headers = {
            "Authorization": format_credentials(Credentials(claim, signature)),
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }
        timeout = waiting_longer(self._http.timeout, wait_seconds)
        asking = self._http.stream(method, target, content=body, headers=headers, timeout=timeout)
        try:
            async with asking as answer:
                _check_length(answer)
                found = await answer.aread()
        except httpx.HTTPError as error:
            raise TransportError(f"the relay was not reached: {type(error).__name__}") from None
        nonce = answer.headers.get(NONCE_HEADER)
        if nonce is not None:
            self._nonce = decode_base64(nonce, NONCE_BYTES)
        return answer.status_code, found


def read_pending(data: bytes) -> tuple[list[Waiting], list[bytes]]:
    """Return envelopes and tokens of an answer; raises DecodeError."""
    try:
        found = _Pending.model_validate_json(data)
    except ValidationError:
        raise DecodeError("the relay's answer is not a list of envelopes") from None
    waiting = [
        Waiting(
            item.number,
            SendId(decode_base64(item.send_id, SEND_ID_BYTES)),
            decode_base64_any(item.envelope),
            item.arrived_hour,
        )
        for item in found.envelopes
    ]
    return waiting, [decode_base64(item.token, _TOKEN_BYTES) for item in found.tokens]


def waiting_longer(usual: httpx.Timeout, seconds: float) -> httpx.Timeout:
    """Return time-outs for a request whose answer is held back so long on purpose."""
    read = None if usual.read is None else usual.read + seconds
    return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


def _check_length(answer: httpx.Response) -> None:
    """Refuse to read an answer that is longer than any honest one, or does not say how long."""
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS):
        raise DecodeError("the relay's answer does not say how long it is")
    if int(length) > MAX_ANSWER_BYTES or "Content-Encoding" in answer.headers:
        raise DecodeError(
            f"the relay's answer has more than {MAX_ANSWER_BYTES} bytes, or is compressed"
        )

"""A mailbox at a relay, collected by nothing but HTTP requests. For programs that run on trio.

For whoever cannot keep a link open: a script, a gateway, a phone that wakes now and then. The
relay, and whoever is on the line, sees your address; an API node collects through tunnels.
Docs: docs/reference/relay-http.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, DecodeError, RefusedError, TransportError
from zentalk.ids import MailboxId, NodeId, SendId
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
_ID_BYTES: Final = 16
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed envelope that waits; `number` is what to acknowledge once it is saved."""

    number: int
    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)
    arrived_hour: int


class RelayMailbox:
    """One mailbox at one relay.

    `http` has the relay's base URL; `generation` must be above all that were used for this
    mailbox before, for example unix time. One request at a time.
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
        answer = await self._ask("GET", f"/relay/pending?wait={wait_seconds}")
        try:
            found = answer.json()
            tokens = [decode_base64(item["token"], _TOKEN_BYTES) for item in found["tokens"]]
            waiting = [_waiting(item) for item in found["envelopes"]]
        except (ValueError, LookupError, TypeError):
            raise DecodeError("the relay's answer is not a list of envelopes") from None
        self.tokens += tokens
        return waiting

    async def acknowledge(self, waiting: Sequence[Waiting]) -> None:
        """Let the relay delete what is saved. Raises what `pending` raises."""
        numbers = [item.number for item in waiting]
        await self._ask("POST", "/relay/acknowledge", {"numbers": numbers})

    async def _ask(self, method: str, target: str, content: object = None) -> httpx.Response:
        """Ask with the nonce of the last answer; once more if it is too old."""
        answer = await self._ask_once(method, target, content)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = await self._ask_once(method, target, content)
        if answer.is_success:
            return answer
        if answer.status_code == HTTPStatus.CONFLICT:
            raise ConflictError("another session collects this mailbox: take a higher generation")
        raise RefusedError(str(answer.status_code), f"the relay answered {answer.status_code}")

    async def _ask_once(self, method: str, target: str, content: object) -> httpx.Response:
        body = b"" if content is None else json.dumps(content).encode()
        asked = HttpRequest(method.encode(), target.encode(), body)
        signature = sign_http(self._key, self._relay, self._generation, self._nonce, asked)
        claim = HttpClaim(MailboxId(self._key.public), self._generation, self._nonce)
        headers = {
            "Authorization": format_credentials(Credentials(claim, signature)),
            "Content-Type": "application/json",
        }
        try:
            answer = await self._http.request(method, target, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise TransportError(f"the relay was not reached: {type(error).__name__}") from None
        nonce = answer.headers.get(NONCE_HEADER)
        if nonce is not None:
            self._nonce = decode_base64(nonce, NONCE_BYTES)
        return answer


def _waiting(item: dict[str, Any]) -> Waiting:
    return Waiting(
        int(item["number"]),
        SendId(decode_base64(item["send_id"], _ID_BYTES)),
        decode_base64_any(item["envelope"]),
        int(item["arrived_hour"]),
    )

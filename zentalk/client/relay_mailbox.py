"""A mailbox at a relay, collected by HTTP requests alone, for programs on asyncio or on trio.

It is for programs that cannot keep a link open: scripts, gateways, devices that wake now and then.
The relay, and anyone who watches the line, sees your address; an API node collects through tunnels.
Docs: docs/reference/relay-http.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final

import httpx

from zentalk.client.mailbox_work import MailboxWork
from zentalk.client.relay_answers import (
    Waiting,
    check_length,
    read_pending,
    read_price,
    wanted_bits,
)
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, RefusedError, TransportError
from zentalk.ids import MailboxId, NodeId, SendId
from zentalk.mailbox.http_credentials import (
    Credentials,
    decode_base64,
    encode_base64,
    format_credentials,
)
from zentalk.mailbox.http_proof import NONCE_BYTES, HttpClaim, HttpRequest, sign_http

NONCE_HEADER: Final = "Zentalk-Nonce"
WORK: Final = "work"
FORBIDDEN: Final = "forbidden"
"""How a relay refuses a mailbox that is new to it, for want of work."""
MOST_BITS: Final = 22
"""What a relay asks for where there is no flood: four million hashes, a few seconds."""
MOST_TRIES: Final = 16
"""How often work is made better: a relay that takes none must not keep us working for ever."""
TURN_SECONDS: Final = 150
"""How long an answer may take where work was shown: it comes with the next turn, every 120 s."""
_NO_NONCE: Final = bytes(NONCE_BYTES)


class RelayMailbox:
    """One mailbox at one relay.

    `http` has the relay's base URL; its time-out for reading is how long the relay may be late,
    beyond what it is asked to wait. `generation` must be above all that were used for this mailbox
    before, for example unix time. One request at a time. `wall` is the clock (unix seconds).
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        relay: NodeId,
        key: SigningKey,
        generation: int,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the edge
    ) -> None:
        self._http = http
        self._relay = relay
        self._key = key
        self._generation = generation
        self._nonce = _NO_NONCE
        self._work = MailboxWork(relay, MailboxId(key.public), wall)
        self._wanted_bits = 0
        self.tokens: list[bytes] = []
        """Ack tokens that came with envelopes, 32 bytes each."""

    async def price(self) -> int:
        """Return the bits of work that the relay asks for a new mailbox now, 0 for none.

        Raises what `pending` raises.
        """
        return read_price(await self._ask("GET", "/relay/price"))

    async def open(self, most_bits: int = MOST_BITS) -> None:
        """Begin to collect, and work for the mailbox if it is new and the relay asks for that.

        Other methods begin by themselves, but do no work. It may take until the relay's next turn,
        two minutes, and longer if others do more. Raises what `pending` raises, and RefusedError
        with the reason `work` if more than `most_bits` are asked for, or ever more.
        """
        for _ in range(MOST_TRIES):
            shown = self._work.shown()
            content: dict[str, object] = {}
            if shown is not None:
                content["work"] = {"day": shown.day, "nonce": encode_base64(shown.nonce)}
            wait_seconds = 0 if shown is None else TURN_SECONDS
            try:
                await self._ask("POST", "/relay/open", content, wait_seconds=wait_seconds)
            except RefusedError as refusal:
                if refusal.reason != WORK or self._wanted_bits > most_bits:
                    raise
            else:
                return
            await self._work.reach(self._wanted_bits)
        raise RefusedError(WORK, "the relay refused the work that it had asked for too often")

    async def register(self, contacts: Iterable[SendId] = (), acks: Iterable[SendId] = ()) -> None:
        """Let others deposit under send ids, and let acks end at some.

        Raises what `pending` raises.
        """
        kinds = [(item, "contact") for item in contacts] + [(item, "ack") for item in acks]
        add = [{"id": encode_base64(send_id), "kind": kind} for send_id, kind in kinds]
        await self._ask("POST", "/relay/send-ids", {"add": add})

    async def sink(self, send_ids: Iterable[SendId]) -> None:
        """Let the relay keep nothing of what comes under these, and acknowledge it as before.

        For people who are blocked: they see an owner who is away. `register` makes the ids
        contacts' again. Raises what `pending` raises.
        """
        ids = [encode_base64(send_id) for send_id in send_ids]
        await self._ask("POST", "/relay/sinks", {"ids": ids})

    async def pending(self, wait_seconds: int = 1) -> list[Waiting]:
        """Return what is not acknowledged; wait so long (at most 25 s) if that is nothing.

        Raises ConflictError if a newer generation collects this mailbox, RefusedError if the
        relay takes no requests now, with the reason `work` if the mailbox is new and takes work
        (see `open`) and `forbidden` if it lets only others in, TransportError if it cannot be
        reached, and DecodeError if it answers what this is no answer to.
        """
        target = f"/relay/pending?wait={wait_seconds}"
        waiting, tokens = read_pending(await self._ask("GET", target, wait_seconds=wait_seconds))
        self.tokens += tokens
        return waiting

    async def acknowledge(self, waiting: Sequence[Waiting]) -> None:
        """Let the relay delete what is saved. Raises what `pending` raises."""
        await self._tell("/relay/acknowledge", waiting)

    async def defer(self, waiting: Sequence[Waiting]) -> None:
        """Let what strangers sent wait at the relay: it comes again after a day.

        For what is neither kept nor to be lost; it stands in nobody's way then. What contacts sent
        comes again after a minute. Raises what `pending` raises.
        """
        await self._tell("/relay/defer", waiting)

    async def _tell(self, target: str, waiting: Sequence[Waiting]) -> None:
        await self._ask("POST", target, {"numbers": [item.number for item in waiting]})

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
        if status == HTTPStatus.FORBIDDEN:
            raise RefusedError(
                FORBIDDEN,
                "the relay takes only those who have a token of it, or has banned this address: go"
                " to another relay, or ask its operator",
            )
        if self._wanted_bits:
            asked = f"the relay asks for {self._wanted_bits} bits of work for a new mailbox"
            raise RefusedError(WORK, f"{asked}: open it first, or take another relay")
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
                check_length(answer)
                found = await answer.aread()
        except httpx.HTTPError as error:
            raise TransportError(f"the relay was not reached: {type(error).__name__}") from None
        nonce = answer.headers.get(NONCE_HEADER)
        if nonce is not None:
            self._nonce = decode_base64(nonce, NONCE_BYTES)
        self._wanted_bits = wanted_bits(answer)
        return answer.status_code, found


def waiting_longer(usual: httpx.Timeout, seconds: float) -> httpx.Timeout:
    """Return time-outs for a request whose answer is held back so long on purpose."""
    read = None if usual.read is None else usual.read + seconds
    return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)

"""Mail over HTTP alone: packets in at one relay, polled and acknowledged at another.

No node takes part, so nothing is encrypted end to end, saved or confirmed: what is measured is the
way of a sealed envelope over three relays until its owner has acknowledged it. Packets are made and
mail is polled in this process, which shares the cores with the relays.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import trio

from benchmarks.peer_load import RELAYS, PeerLoad, Sent
from benchmarks.programs import Program, start_relays, uris
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import DEPOSIT_ID_BYTES, DepositId, SendId, epoch_at
from zentalk.mailbox.http_credentials import decode_base64_any
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DEPOSIT, DeliveryPlaintext, Hop
from zentalk.onion.wrap import wrap
from zentalk.wire.deposit import ACK_BYTES, ENVELOPE_SMALL_BYTES, Deposit, encode_deposit
from zentalk.wire.descriptor import Descriptor, decode_descriptor

WAIT_SECONDS = 25
TTL_SECONDS = 3600
SEND_ID = SendId(b"s" * 16)


class PollLoad(PeerLoad):
    """Deposits over HTTP; a message counts once its owner has polled and acknowledged it."""

    def __init__(
        self,
        programs: list[Program],
        entry: httpx.AsyncClient,
        owner: RelayMailbox,
        path: list[Descriptor],
    ) -> None:
        super().__init__(programs)
        self._entry = entry
        self._owner = owner
        self._path = path
        self._waiting: dict[bytes, trio.Event] = {}
        self._received: Counter[bytes] = Counter()
        self._sent = 0

    @classmethod
    async def start(cls, root: Path, nursery: trio.Nursery) -> PollLoad:
        """Start relays, wait until each knows the others, and poll at the last from now on."""
        relays = await start_relays(root, RELAYS, nursery, web=True)
        doors = [
            httpx.AsyncClient(base_url=f"http://{urlsplit(uri.partition('@')[2]).netloc}")
            for uri in uris(root, web=True)
        ]
        known: dict[str, Descriptor] = {}
        for door in doors:
            while len(known := await _descriptors(door)) < RELAYS:  # noqa: ASYNC110 - a process
                await trio.sleep(0.1)
        path = [known[uri.partition("@")[2]] for uri in uris(root)]
        owner = RelayMailbox(doors[-1], path[-1].node_id, SigningKey.generate(os.urandom), 1)
        await owner.register(contacts=[SEND_ID])
        load = cls(relays, doors[0], owner, path)
        nursery.start_soon(load._poll)
        return load

    async def send(self, count: int, in_flight: int) -> Sent:
        """Send messages, and wait until all are acknowledged."""
        left = iter(range(count))
        latencies: list[float] = []
        started_at = time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(self._lane, left, latencies)
        return Sent(time.monotonic() - started_at, latencies)

    async def verdict(self) -> tuple[int, int]:
        """Return how many messages are missing, and how many came twice."""
        await trio.lowlevel.checkpoint()
        return self._sent - len(self._received), self._received.total() - len(self._received)

    async def _lane(self, left: Iterator[int], latencies: list[float]) -> None:
        for _ in left:
            name = os.urandom(DEPOSIT_ID_BYTES)
            event = self._waiting[name] = trio.Event()
            sent_at = time.monotonic()
            self._sent += 1
            answer = await self._entry.post("/relay/send", content=self._packet(name))
            answer.raise_for_status()
            await event.wait()
            latencies.append(time.monotonic() - sent_at)

    async def _poll(self) -> None:
        while True:
            mail = await self._owner.pending(WAIT_SECONDS)
            await self._owner.acknowledge(mail)
            for one in mail:
                name = one.envelope[:DEPOSIT_ID_BYTES]
                self._received[name] += 1
                self._waiting[name].set()

    def _packet(self, name: bytes) -> bytes:
        epoch = epoch_at(time.time())
        hops = []
        for relay in self._path:
            key = relay.mix_key(0, epoch)
            assert key is not None
            hops.append(Hop(relay.node_id, key, epoch, 0, 0))
        envelope = name + os.urandom(ENVELOPE_SMALL_BYTES - len(name))
        deposit = Deposit(SEND_ID, DepositId(name), TTL_SECONDS, None, envelope)
        payload = encode_deposit(deposit, os.urandom(ACK_BYTES))
        return wrap(SMALL, hops, DeliveryPlaintext(DEPOSIT, payload), os.urandom)


async def _descriptors(door: httpx.AsyncClient) -> dict[str, Descriptor]:
    """Return the relays that one knows, by their place."""
    found = (await door.get("/relay/descriptors")).json()["descriptors"]
    known = [decode_descriptor(decode_base64_any(item)) for item in found]
    return {one.uri.place: one for one in known}

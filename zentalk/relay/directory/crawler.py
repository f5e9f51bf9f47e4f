"""Finds the other relays: joins through bootstraps, looks ids up, compares with others.

Spec: docs/spec/directory.md section 4. Every failure is somebody else's and ends one
attempt, never the loop. Nothing learned here is used before the descriptor set verified it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from zentalk.directory import lookup as core
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.digests import digest_of
from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.directory.table import RelayTable
from zentalk.errors import ZentalkError
from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.net.runtime import Runtime
from zentalk.onion.draw import below, pick, sample
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.rpc import decode_answer
from zentalk.wire.rpc_directory import (
    announce_calls,
    equivocation_call,
    find_call,
    read_found,
)
from zentalk.wire.text import RelayUri

LOOKUP_WIDTH: Final = 6
"""Gossip spreads descriptors; lookups fill the table and find what gossip missed. Each relay
asked costs a link, so they stop at the six nearest."""
FIRST_EXCHANGES_SECONDS: Final = (2.0, 8.0)
EXCHANGE_SECONDS: Final = 60.0
EXCHANGE_TRIES: Final = 3
RETRY_FIRST_SECONDS: Final = 1.0
RETRY_MAX_SECONDS: Final = 30.0
SNAPSHOT_TIMEOUT_SECONDS: Final = 10.0

Learn = Callable[[Sequence[bytes], NodeId | None], None]
Reached = Callable[[Neighbour, NodeId], None]


class Crawler:
    """One relay's search for others; `learn` verifies and keeps raw descriptors."""

    def __init__(
        self,
        runtime: Runtime,
        links: PeerLinks,
        descriptors: DescriptorSet,
        table: RelayTable,
        own: NodeId,
        bootstraps: Sequence[RelayUri],
        *,
        learn: Learn,
        reached: Reached,
    ) -> None:
        self._runtime = runtime
        self._links = links
        self._descriptors = descriptors
        self._table = table
        self._own = own
        self._bootstraps = [uri for uri in bootstraps if node_id_of(uri.identity) != own]
        self._learn = learn
        self._reached = reached
        self._untried = len(self._bootstraps)
        self._joined_one = trio.Event()
        self.joined = trio.Event()
        """Set once every bootstrap was tried and one answered; at once without bootstraps."""
        if not self._bootstraps:
            self.joined.set()

    async def run(self) -> None:
        """Join, then keep comparing with other relays, until cancelled."""
        async with trio.open_nursery() as nursery:
            for uri in self._bootstraps:
                nursery.start_soon(self._join, uri)
            nursery.start_soon(self._look_around)
            nursery.start_soon(self._exchange_forever)

    async def find(self, target: bytes) -> tuple[NodeId, ...]:
        """Look up the relays nearest to a 32-byte target that answer, nearest first."""
        seeds = self._table.nearest(target)

        async def ask(node_id: NodeId) -> Sequence[NodeId]:
            return await self._ask_for(node_id, target)

        search = core.Lookup(target, self._own, width=LOOKUP_WIDTH)
        return await drive(search, seeds, ask, self._runtime)

    async def check(self, node_id: NodeId) -> None:
        """Ask a contact anything: if it fails for the third time, it makes room."""
        try:
            await self._ask_for(node_id, node_id)
        except ZentalkError:
            return

    async def exchange(self, connection: Neighbour) -> None:
        """Read what a relay knows and we do not; tell it what it lacks, convictions included.

        Raises TransportError, RemoteProtocolError or RefusedError.
        """
        reading = SetReading(KnownSets(self._held(), self._has_seen))
        while (call := reading.next_call()) is not None:
            body = await connection.request(call, SNAPSHOT_TIMEOUT_SECONDS)
            self._learn(reading.take(decode_answer(body)), connection.peer.node_id)
        now = self._runtime.wall()  # once: an epoch may turn between two looks
        held = self._descriptors.digests(now)
        live = self._descriptors.live(now)
        lacking = [item.raw for item in live if held[item.node_id] not in reading.digests]
        for call in announce_calls(lacking):
            connection.notify(call)
        named = {self._descriptors.node_of(digest) for digest in reading.digests}
        for proof in self._descriptors.proofs():
            if proof.node_id in named:
                connection.notify(equivocation_call(proof.first, proof.second))

    def _held(self) -> dict[NodeId, bytes]:
        return self._descriptors.digests(self._runtime.wall())

    def _has_seen(self, digest: bytes) -> bool:
        return self._descriptors.node_of(digest) is not None

    async def _join(self, uri: RelayUri) -> None:
        """Try one bootstrap until it has answered once."""
        wait = RETRY_FIRST_SECONDS
        first = True
        while True:
            answered = await self._try_bootstrap(uri)
            self._untried -= first
            first = False
            if answered:
                self._joined_one.set()
            if self._untried == 0 and self._joined_one.is_set():
                self.joined.set()
            if answered:
                return
            await trio.sleep(self._jittered(wait))
            wait = min(2 * wait, RETRY_MAX_SECONDS)

    async def _try_bootstrap(self, uri: RelayUri) -> bool:
        try:
            connection = await self._links.dial(uri)
            await self.exchange(connection)
        except ZentalkError:
            return False
        self._reached(connection, node_id_of(uri.identity))
        return True

    async def _look_around(self) -> None:
        """Look our own id up once joined, and the ids of neglected buckets later."""
        await self._joined_one.wait()
        await self.find(self._own)
        while True:
            await trio.sleep(self._jittered(EXCHANGE_SECONDS))
            lonely = self._table.lonely_buckets(self._runtime.monotonic())
            if lonely:
                bucket = pick(lonely, self._runtime.entropy)
                bucket.touch(self._runtime.monotonic())
                await self.find(self._random_id(*bucket.range))

    async def _exchange_forever(self) -> None:
        for wait in FIRST_EXCHANGES_SECONDS:
            await trio.sleep(self._jittered(wait))
            await self._exchange_with_someone()
        while True:
            await trio.sleep(self._jittered(EXCHANGE_SECONDS))
            await self._exchange_with_someone()

    async def _exchange_with_someone(self) -> None:
        """Compare with one relay drawn from all known; with another if that one is gone."""
        places = self._places()
        for node_id in sample(sorted(places), EXCHANGE_TRIES, self._runtime.entropy):
            if await self._try_exchange(node_id, places[node_id]):
                return

    def _places(self) -> dict[NodeId, RelayUri]:
        """Return every live relay and bootstrap; if there is none, those seen in the past."""
        live = self._descriptors.live(self._runtime.wall())
        places = {item.node_id: item.uri for item in live if item.node_id != self._own}
        for uri in self._bootstraps:
            places.setdefault(node_id_of(uri.identity), uri)
        return places or {node_id_of(uri.identity): uri for uri in self._descriptors.hints()}

    async def _try_exchange(self, node_id: NodeId, uri: RelayUri) -> bool:
        known = self._descriptors.get(node_id, self._runtime.wall()) is not None
        try:
            neighbour = await (self._links.get(node_id) if known else self._links.dial(uri))
            await self.exchange(neighbour)
        except ZentalkError:
            self._table.failed(node_id)
            return False
        self._reached(neighbour, node_id)
        return True

    async def _ask_for(self, node_id: NodeId, target: bytes) -> list[NodeId]:
        """Ask one relay; counts the failure if there is one."""
        try:
            connection = await self._links.get(node_id)
            body = await connection.request(find_call(target), core.GIVE_UP_SECONDS)
            raws = read_found(decode_answer(body))
            self._learn(raws, node_id)
        except ZentalkError:
            self._table.failed(node_id)
            raise
        self._reached(connection, node_id)
        now = self._runtime.wall()
        named = (self._descriptors.node_of(digest_of(raw)) for raw in raws)
        return [found for found in named if found and self._descriptors.get(found, now)]

    def _random_id(self, lower: int, upper: int) -> bytes:
        drawn = int.from_bytes(self._runtime.entropy(NODE_ID_BYTES), "big")
        return (lower + drawn % (upper - lower + 1)).to_bytes(NODE_ID_BYTES, "big")

    def _jittered(self, seconds: float) -> float:
        """Return between half and all of `seconds`, so that relays do not act in step."""
        return seconds * (0.5 + below(1 << 32, self._runtime.entropy) / (1 << 33))


async def drive(
    search: core.Lookup,
    seeds: Sequence[NodeId],
    ask: Callable[[NodeId], Awaitable[Sequence[NodeId]]],
    runtime: Runtime,
) -> tuple[NodeId, ...]:
    """Run a lookup: `ask` returns the ids a relay named, or raises ZentalkError."""
    events, heard = trio.open_memory_channel[core.Event](math.inf)

    async def ask_one(node_id: NodeId) -> None:
        try:
            events.send_nowait(core.Answered(node_id, await ask(node_id)))
        except ZentalkError:
            events.send_nowait(core.Failed(node_id))

    async with trio.open_nursery() as nursery:
        commands = search.handle(core.Started(seeds), runtime.monotonic())
        while True:
            for command in commands:
                if isinstance(command, core.FinishLookup):
                    nursery.cancel_scope.cancel()
                    return command.nearest
                nursery.start_soon(ask_one, command.node_id)
            event: core.Event = core.TimePassed()
            deadline = search.next_deadline() or math.inf
            with trio.move_on_after(max(0.0, deadline - runtime.monotonic())):
                event = await heard.receive()
            commands = search.handle(event, runtime.monotonic())

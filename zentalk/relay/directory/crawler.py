"""Finds the other relays: joins through bootstraps, looks ids up, compares with others.

Spec: docs/spec/directory.md section 4. Every failure is somebody else's and ends one
attempt, never the loop. Nothing learned here is used before the descriptor set verified it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Final

import trio

from zentalk.directory import lookup as core
from zentalk.directory.clock_skew import epochs_of, hours_ahead
from zentalk.directory.digests import digest_of
from zentalk.directory.events import TimePassed
from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.errors import ZentalkError
from zentalk.ids import NODE_ID_BYTES, Epoch, NodeId
from zentalk.net.backoff import half_jitter, spread
from zentalk.net.runtime import Runtime
from zentalk.onion.draw import pick, sample
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.relay.directory.state import DirectoryState
from zentalk.relay.standing import Standing
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.rpc_directory import (
    decode_find_response,
    encode_announces,
    encode_equivocation,
    encode_find_request,
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


class Crawler:
    """One relay's search for others; what it finds goes into `state`."""

    def __init__(self, runtime: Runtime, links: PeerLinks, state: DirectoryState) -> None:
        self._runtime = runtime
        self._links = links
        self._state = state
        self._descriptors = state.known.descriptors
        self._table = state.table
        self._own = state.own_id
        bootstraps = self._others(state.known.bootstraps)
        self._untried = len(bootstraps)
        self._nursery: trio.Nursery | None = None
        self._joined_one = trio.Event()
        self.standing = Standing(len(bootstraps))
        self.joined = trio.Event()
        """Set once every bootstrap was tried and one answered; at once without bootstraps."""
        if not bootstraps:
            self.joined.set()

    async def run(self) -> None:
        """Join, then keep comparing with other relays, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for uri in self._others(self._state.known.bootstraps):
                nursery.start_soon(self._join, uri)
            nursery.start_soon(self._look_around)
            nursery.start_soon(self._exchange_forever)

    def use_bootstraps(self, uris: Sequence[RelayUri]) -> None:
        """Let the bootstraps be these; those that are new are tried at once."""
        fresh = self._others(self._state.known.use_bootstraps(uris))
        self.standing.bootstraps_changed(len(self._others(uris)))
        self._untried += len(fresh)
        for uri in fresh:
            if self._nursery is not None:
                self._nursery.start_soon(self._join, uri)

    def _others(self, uris: Iterable[RelayUri]) -> list[RelayUri]:
        return [uri for uri in uris if node_id_of(uri.identity) != self._own]

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
        reading = SetReading(KnownSets(self._held(), self._state.has_seen))
        refused: list[Epoch] = []
        while (call := reading.next_call()) is not None:
            body = await connection.request(call, SNAPSHOT_TIMEOUT_SECONDS)
            raws = reading.take(body)
            self._state.learn(raws, connection.peer.node_id)
            refused += epochs_of(raw for raw in raws if self._state.is_new(raw))
        now = self._runtime.wall()  # once: an epoch may turn between two looks
        held = self._descriptors.digests(now)
        live = self._descriptors.live(now)
        others = [item.epoch for item in live if item.node_id != self._own]
        self.standing.clock_seems(hours_ahead([*others, *refused], now))
        lacking = [item.raw for item in live if held[item.node_id] not in reading.digests]
        for call in encode_announces(lacking):
            connection.notify(call)
        named = {self._descriptors.node_of(digest) for digest in reading.digests}
        for proof in self._descriptors.proofs():
            if proof.node_id in named:
                connection.notify(encode_equivocation(proof.first, proof.second))

    def _held(self) -> dict[NodeId, bytes]:
        return self._descriptors.digests(self._runtime.wall())

    async def _join(self, uri: RelayUri) -> None:
        """Try one bootstrap until it has answered once, or is none any more."""
        for attempt in count():
            answered = await self._try_bootstrap(uri)
            self._untried -= attempt == 0
            if answered:
                self._joined_one.set()
            elif self._untried == 0 and not self._joined_one.is_set():
                self.standing.no_bootstrap_answered()
            if self._untried == 0 and self._joined_one.is_set():
                self.joined.set()
            if answered or uri not in self._state.known.bootstraps:
                return
            wait = half_jitter(
                attempt, RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS, self._runtime.entropy
            )
            await trio.sleep(wait)

    async def _try_bootstrap(self, uri: RelayUri) -> bool:
        try:
            connection = await self._links.dial(uri)
            await self.exchange(connection)
        except ZentalkError:
            return False
        self._reached(node_id_of(uri.identity))
        return True

    async def _look_around(self) -> None:
        """Look our own id up once joined, and the ids of neglected buckets later."""
        await self._joined_one.wait()
        await self.find(self._own)
        while True:
            await trio.sleep(spread(EXCHANGE_SECONDS, self._runtime.entropy))
            lonely = self._table.lonely_buckets(self._runtime.monotonic())
            if lonely:
                bucket = pick(lonely, self._runtime.entropy)
                bucket.touch(self._runtime.monotonic())
                await self.find(self._random_id(*bucket.range))

    async def _exchange_forever(self) -> None:
        for wait in FIRST_EXCHANGES_SECONDS:
            await trio.sleep(spread(wait, self._runtime.entropy))
            await self._exchange_with_someone()
        while True:
            await trio.sleep(spread(EXCHANGE_SECONDS, self._runtime.entropy))
            await self._exchange_with_someone()

    async def _exchange_with_someone(self) -> None:
        """Compare with one relay drawn from all known; with another if that one is gone."""
        known = self._state.known
        self.standing.bootstraps_seen(
            any_live=any(map(known.descriptor_of, set(known.bootstraps.values()) - {self._own}))
        )
        places = known.places(besides=self._own)
        for node_id in sample(sorted(places), EXCHANGE_TRIES, self._runtime.entropy):
            if await self._try_exchange(node_id, places[node_id]):
                return
        if places and not self._links.connected():
            self.standing.reached_nobody()

    async def _try_exchange(self, node_id: NodeId, uri: RelayUri) -> bool:
        known = self._descriptors.get(node_id, self._runtime.wall()) is not None
        try:
            neighbour = await (self._links.get(node_id) if known else self._links.dial(uri))
            await self.exchange(neighbour)
        except ZentalkError:
            self._table.failed(node_id)
            return False
        self._reached(node_id)
        return True

    def _reached(self, node_id: NodeId) -> None:
        self._state.reached(node_id)
        self.standing.reached(len(self._descriptors))

    async def _ask_for(self, node_id: NodeId, target: bytes) -> list[NodeId]:
        """Ask one relay; counts the failure if there is one."""
        try:
            connection = await self._links.get(node_id)
            body = await connection.request(encode_find_request(target), core.GIVE_UP_SECONDS)
            raws = decode_find_response(body)
            self._state.learn(raws, node_id)
        except ZentalkError:
            self._table.failed(node_id)
            raise
        self._state.reached(node_id)
        now = self._runtime.wall()
        named = (self._descriptors.node_of(digest_of(raw)) for raw in raws)
        return [found for found in named if found and self._descriptors.get(found, now)]

    def _random_id(self, lower: int, upper: int) -> bytes:
        drawn = int.from_bytes(self._runtime.entropy(NODE_ID_BYTES), "big")
        return (lower + drawn % (upper - lower + 1)).to_bytes(NODE_ID_BYTES, "big")


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
            event: core.Event = TimePassed()
            deadline = search.next_deadline() or math.inf
            with trio.move_on_after(max(0.0, deadline - runtime.monotonic())):
                event = await heard.receive()
            commands = search.handle(event, runtime.monotonic())

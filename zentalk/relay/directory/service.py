"""The directory of one relay: its tasks, and what the rest of the relay asks of it.

Spec: docs/spec/directory.md. It joins the cores of `zentalk.directory` to links and store.
`open_directory` puts the parts together; each of them is a file of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import trio

from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.observations import ObservedRelays
from zentalk.directory.records import MAX_HELD_BYTES
from zentalk.errors import StorageError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.crawler import Crawler
from zentalk.relay.directory.gossip import Gossip
from zentalk.relay.directory.handover import HandoverTask
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.relay.directory.persistence import NewsWriter, StoreQueue
from zentalk.relay.directory.record_store import RecordStore
from zentalk.relay.directory.requests import DirectoryRequests, NotifyHandler, RequestHandler
from zentalk.relay.directory.state import DirectoryState, OwnDescriptor
from zentalk.relay.links.admission import place_of
from zentalk.relay.observing.observer import Observer, Prober
from zentalk.relay.observing.observing import Observing
from zentalk.store.directory_store import DirectoryStore
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.text import RelayUri

TICK_SECONDS: Final = 5.0
"""News goes to the disk, and the own descriptor is looked at, so often."""
SOON_SECONDS: Final = 1.0
"""News goes to the disk no more often: at once if a relay was reached for the first time."""
SWEEP_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 10.0


def open_directory(
    runtime: Runtime,
    store: DirectoryStore,
    links: PeerLinks,
    own: OwnDescriptor,
    known: KnownRelays,
    *,
    observations: ObservedRelays,
    prober: Prober,
    max_record_bytes: int = MAX_HELD_BYTES,
) -> DirectoryService:
    """Put one relay's directory together; nothing runs yet.

    `own` must have a descriptor from the start; `observations` are those that the set of `known`
    goes by.
    """
    own_id = own.descriptor.node_id
    queue = StoreQueue(runtime, store)
    news = NewsWriter(queue)
    gossip = Gossip(runtime, links, known, own_id)
    own_network = own.descriptor.network
    observing = Observing(runtime.for_part("observing"), own_network, observations)
    state = DirectoryState(runtime, own, known, news, gossip, observing)
    records = RecordStore(runtime, queue, known.descriptors, own_id, max_bytes=max_record_bytes)
    tasks = DirectoryTasks(
        gossip=gossip,
        crawler=Crawler(runtime, links, state),
        handover=HandoverTask(runtime, links, records, state),
        observer=Observer(runtime, prober, observing, state),
        news=news,
    )
    return DirectoryService(runtime, state, records, tasks)


class DirectoryTasks(NamedTuple):
    """The tasks that run for as long as the directory does."""

    gossip: Gossip
    crawler: Crawler
    handover: HandoverTask
    observer: Observer
    news: NewsWriter


class DirectoryService:
    """One relay's part of the directory. Made by `open_directory`."""

    def __init__(
        self, runtime: Runtime, state: DirectoryState, records: RecordStore, tasks: DirectoryTasks
    ) -> None:
        self._runtime = runtime
        self._tasks = tasks
        self._answers = DirectoryRequests(runtime, state, records)
        self.state = state
        self.records = records

    # for the relay

    def requests(self) -> Mapping[str, RequestHandler]:
        """Return the handlers of requests, by method."""
        return self._answers.requests()

    def notifies(self) -> Mapping[str, NotifyHandler]:
        """Return the handlers of notifications, by method."""
        return self._answers.notifies()

    @property
    def descriptors(self) -> DescriptorSet:
        """The verified descriptors."""
        return self.state.known.descriptors

    @property
    def news_dropped(self) -> int:
        """The number of descriptors and proofs that nobody looked at, as too many came."""
        return self._answers.limits.dropped

    def use_bootstraps(self, uris: Sequence[RelayUri]) -> None:
        """Let the operator's bootstraps be these from now on, while the directory runs."""
        self._tasks.crawler.use_bootstraps(uris)

    @property
    def warnings(self) -> list[str]:
        """Warnings to the operator about this relay's place in the network."""
        return self._tasks.crawler.standing.warnings

    @property
    def is_excluded(self) -> bool:
        """Say whether a proof is held against this very relay: nobody uses it any more."""
        return self.state.is_excluded

    def live(self) -> list[Descriptor]:
        """Return all relays that can be used now."""
        return self.state.known.live()

    def relay_connected(self, connection: Neighbour) -> bool:
        """Take note of a relay that has just proved itself on a link.

        False if it does not count here: its identity has too little work, or it is excluded.
        """
        descriptor = connection.peer.descriptor
        if descriptor is None:
            return False
        homes = [host for host in descriptor.body.hosts if place_of(host) == connection.origin]
        return self.state.relay_connected(descriptor, homes[0] if homes else "")

    def refuses(self, connection: Neighbour) -> bool:
        """Say whether a relay that showed itself on a link will never count here.

        Others that do not count may come to: one whose clock is wrong, for example.
        """
        descriptor = connection.peer.descriptor
        return descriptor is not None and self.descriptors.refuses(descriptor.node_id)

    def reached_at(self, uri: RelayUri, address: str) -> None:
        """Take note that a relay proved its identity at an address that we dialled."""
        self.state.reached_at(uri, address)

    def publish_own(self) -> None:
        """Make the own descriptor known; call it after every new boot or epoch."""
        self.state.publish_own()

    async def find(self, target: bytes) -> tuple[NodeId, ...]:
        """Look up the relays nearest to a 32-byte target over the network."""
        return await self._tasks.crawler.find(target)

    async def joined(self, timeout_seconds: float = JOIN_SECONDS) -> bool:
        """Wait until the bootstraps answered, at most that long; says whether they did."""
        joined = self._tasks.crawler.joined
        with trio.move_on_after(timeout_seconds):
            await joined.wait()
        return joined.is_set()

    # tasks

    async def run(self) -> None:
        """Load, join, gossip, compare and clean up until cancelled; then save what is new."""
        await self.state.load()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tasks.gossip.run)
                nursery.start_soon(self._tasks.crawler.run)
                nursery.start_soon(self._tasks.handover.run)
                nursery.start_soon(self._tasks.observer.run)
                nursery.start_soon(self._check_contacts)
                nursery.start_soon(self._maintain)
                nursery.start_soon(self._write_news)
        finally:
            with trio.CancelScope(shield=True), suppress(StorageError):
                await self._tasks.news.write(self._runtime.wall())

    async def _check_contacts(self) -> None:
        async for node_id in self.state.to_check:
            await self._tasks.crawler.check(node_id)

    async def _maintain(self) -> None:
        swept_at = self._runtime.monotonic()
        while True:
            await trio.sleep(TICK_SECONDS)
            self.publish_own()
            if self._runtime.monotonic() - swept_at >= SWEEP_SECONDS:
                swept_at = self._runtime.monotonic()
                await self._sweep()

    async def _write_news(self) -> None:
        """Write what is new; the only task that does, as writes must not overtake each other."""
        news = self._tasks.news
        while True:
            await news.soon.wait(TICK_SECONDS)
            try:
                await news.write(self._runtime.wall())
            except StorageError:
                news.failures += 1  # the directory works from memory until the disk is back
            await trio.sleep(SOON_SECONDS)

    async def _sweep(self) -> None:
        self.state.forget_expired()
        self.state.look_again()
        try:
            await self.records.expire()
            await self._tasks.news.drop_old(self._runtime.wall())
        except StorageError:
            self._tasks.news.failures += 1

"""The directory of one relay: answers `dir.*` calls and keeps its own picture complete.

Spec: docs/spec/directory.md. Joins the cores of zentalk.directory to links and store. It
never believes a peer: descriptors, proofs and records are verified before anything is
kept, answered or passed on, and only relays that proved themselves on a link enter the
routing table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

import structlog
import trio

from zentalk.directory.descriptor_set import Command, DescriptorSet, GossipDescriptor
from zentalk.directory.digests import digest_of
from zentalk.directory.equivocation import EquivocationProof
from zentalk.directory.records import MAX_HELD_BYTES
from zentalk.directory.table import RelayTable, TableAdmission
from zentalk.errors import RefusedError, StorageError, StorageFullError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.crawler import Crawler
from zentalk.relay.directory.gossip import Gossip
from zentalk.relay.directory.handover import HandoverTask
from zentalk.relay.directory.limits import NewsLimits
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.relay.directory.record_store import RecordStore, StoreQueue
from zentalk.relay.directory.snapshot_server import Request, SnapshotServer
from zentalk.store.directory_store import DirectoryStore
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

TICK_SECONDS: Final = 5.0
"""How often news goes to the disk and the own descriptor is looked at."""
SWEEP_SECONDS: Final = 60.0
JOIN_SECONDS: Final = 10.0
_MAX_CHECKS: Final = 8
_LOG: Final = structlog.get_logger("zentalk.relay")

Notify = Callable[[Neighbour, Fields], None]


class DirectoryService:
    """One relay's part of the directory.

    `own` returns the descriptor of this moment and must work from the start.
    `own_outdated` is called with a boot number when the network holds a descriptor of
    this relay with another and at least as high boot: the caller must boot again, above it.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: DirectoryStore,
        links: PeerLinks,
        own: Callable[[], Descriptor],
        bootstraps: Sequence[RelayUri],
        *,
        id_difficulty: int = 0,
        max_record_bytes: int = MAX_HELD_BYTES,
        own_outdated: Callable[[int], None] | None = None,
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._own = own
        self._own_id = own().node_id
        self._own_outdated = own_outdated
        self._bootstraps = {node_id_of(uri.identity): uri for uri in bootstraps}
        self._queue = StoreQueue(runtime)
        self.failed_saves = 0
        """How often news could not be written; it is kept and tried again."""
        self._unsaved: dict[NodeId, Descriptor] = {}
        self._unsaved_proofs: list[EquivocationProof] = []
        self.limits = NewsLimits(runtime.monotonic())
        self._checks, self._to_check = trio.open_memory_channel[NodeId](_MAX_CHECKS)
        self.descriptors = DescriptorSet(own().network, id_difficulty=id_difficulty)
        self.table = RelayTable(self._own_id, own().network, runtime.monotonic())
        self._desk = SnapshotServer(runtime, self.descriptors)
        self._gossip = Gossip(runtime, links, self.descriptors, self._own_id)
        self._shelf = RecordStore(
            runtime,
            store,
            self._queue,
            self.descriptors,
            self._own_id,
            max_bytes=max_record_bytes,
        )
        self.handover = HandoverTask(
            runtime,
            links,
            self._shelf,
            self._own_id,
            self.live,
        )
        self._crawler = Crawler(
            runtime,
            links,
            self.descriptors,
            self.table,
            self._own_id,
            bootstraps,
            learn=self._learn,
            reached=self._reached,
        )

    # for the relay

    def requests(self) -> Mapping[str, Request]:
        """Return the questions answered here, by method."""
        return {
            rpc.FIND: self._find,
            **self._desk.requests(),
            rpc.RECORD_PUT: self._record_put,
            rpc.RECORD_GET: self._record_get,
            rpc.RECORD_OFFER: self._record_offer,
        }

    def notifies(self) -> Mapping[str, Notify]:
        """Return the notifications taken here, by method."""
        return {rpc.ANNOUNCE: self._announced, rpc.EQUIVOCATION: self._accused}

    async def load(self) -> None:
        """Take up what the store kept; raises StorageError."""
        raws = await self._queue.run(self._store.descriptors)
        proofs = await self._queue.run(self._store.proofs)
        self.descriptors.restore(raws, proofs, self._runtime.wall())
        if self.is_excluded:
            self._tell_if_excluded(self._own_id)
        self.publish_own()

    async def run(self) -> None:
        """Load, join, gossip, compare and clean up until cancelled; then save what is new."""
        await self.load()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._gossip.run)
                nursery.start_soon(self._crawler.run)
                nursery.start_soon(self.handover.run)
                nursery.start_soon(self._check_contacts)
                nursery.start_soon(self._keep_house)
        finally:
            with trio.CancelScope(shield=True), suppress(StorageError):
                await self._save()

    async def joined(self, timeout_seconds: float = JOIN_SECONDS) -> bool:
        """Wait until the bootstraps answered, at most that long; says whether they did."""
        with trio.move_on_after(timeout_seconds):
            await self._crawler.joined.wait()
        return self._crawler.joined.is_set()

    def relay_connected(self, connection: Neighbour) -> bool:
        """Take note of a relay that has just proved itself on a link.

        False if it does not count here: its identity has too little work, or it is excluded.
        """
        descriptor = connection.peer.descriptor
        if descriptor is None:
            return False
        commands = self.descriptors.offer_verified(descriptor, self._runtime.wall())
        self._apply(commands, descriptor.node_id)
        if self.descriptor_of(descriptor.node_id) is None:
            return False
        self._enter(descriptor)
        return True

    def publish_own(self) -> None:
        """Make the own descriptor known; call it after every new boot or epoch."""
        own = self._own()
        commands = self.descriptors.offer_verified(own, self._runtime.wall())
        self._apply(commands, None)
        known = self.descriptors.get(self._own_id, self._runtime.wall())
        if known is not None and known.order > own.order:
            self._report_outdated(known.boot)

    @property
    def is_excluded(self) -> bool:
        """Say whether a proof is held against this very relay: nobody uses it any more."""
        return self.descriptors.is_excluded(self._own_id)

    def descriptor_of(self, node_id: NodeId) -> Descriptor | None:
        """Return the usable verified descriptor of a relay, or None."""
        return self.descriptors.get(node_id, self._runtime.wall())

    def live(self) -> list[Descriptor]:
        """Return all relays that can be used now."""
        return self.descriptors.live(self._runtime.wall())

    def hints_of(self, node_id: NodeId) -> list[RelayUri]:
        """Return where else to dial a relay: a bootstrap's URI, an expired descriptor."""
        found = [self._bootstraps.get(node_id), self.descriptors.hint(node_id)]
        return list(dict.fromkeys(uri for uri in found if uri is not None))

    async def find(self, target: bytes) -> tuple[NodeId, ...]:
        """Look up the relays nearest to a 32-byte target over the network."""
        return await self._crawler.find(target)

    # answers

    async def _find(self, _connection: Neighbour, fields: Fields) -> list[Any]:
        target = rpc.read_find(fields)
        nearest = self.table.nearest(target, rpc.MAX_FOUND - 1)
        known = [self.descriptor_of(node_id) for node_id in nearest]
        return [[self._own().raw, *(item.raw for item in known if item is not None)]]

    async def _record_put(self, _connection: Neighbour, fields: Fields) -> list[Any]:
        raw = rpc.read_record_put(fields)
        with _disk_faults():
            await self._shelf.put(raw)
        return []

    async def _record_get(self, _connection: Neighbour, fields: Fields) -> list[Any]:
        blinded_key, day = rpc.read_record_get(fields)
        with _disk_faults():
            return [await self._shelf.get(blinded_key, day)]

    async def _record_offer(self, connection: Neighbour, fields: Fields) -> list[Any]:
        offers = rpc.read_record_offer(fields)
        if connection.peer.node_id is None:
            raise RefusedError("relays-only")
        with _disk_faults():
            return [bytes(await self._shelf.wanted(offers))]

    def _announced(self, connection: Neighbour, fields: Fields) -> None:
        now = self._runtime.monotonic()
        fresh = [
            raw
            for raw in rpc.read_announce(fields)
            if self.descriptors.node_of(digest_of(raw)) is None
            and self.limits.admits(connection, now)
        ]
        self._learn(fresh, connection.peer.node_id)

    def _accused(self, connection: Neighbour, fields: Fields) -> None:
        first, second = rpc.read_equivocation(fields)
        if self.limits.admits(connection, self._runtime.monotonic(), units=2):
            self._apply(self.descriptors.accuse(first, second), connection.peer.node_id)

    # what is learned

    def _learn(self, raws: Sequence[bytes], source: NodeId | None) -> None:
        """Verify and keep; raises RemoteProtocolError at the first invalid one."""
        now = self._runtime.wall()
        for raw in raws:
            self._apply(self.descriptors.offer(raw, now), source)

    def _apply(self, commands: list[Command], source: NodeId | None) -> None:
        for command in commands:
            if isinstance(command, GossipDescriptor):
                self._unsaved[command.descriptor.node_id] = command.descriptor
                self._notice_own(command.descriptor)
            else:
                self._unsaved.pop(command.proof.node_id, None)
                self._unsaved_proofs.append(command.proof)
                self.table.forget(command.proof.node_id)
                self._tell_if_excluded(command.proof.node_id)
        self._gossip.push(commands, source)

    def _notice_own(self, descriptor: Descriptor) -> None:
        if descriptor.node_id == self._own_id and descriptor.raw != self._own().raw:
            self._report_outdated(descriptor.boot)

    def _tell_if_excluded(self, node_id: NodeId) -> None:
        if node_id == self._own_id:
            _LOG.error("relay_excluded", reason="two descriptors for one epoch and boot")

    def _report_outdated(self, boot: int) -> None:
        if self._own_outdated is not None:
            self._own_outdated(boot)

    def _reached(self, _connection: Neighbour, node_id: NodeId) -> None:
        """A link that we dialled proved the other side's identity."""
        descriptor = self.descriptor_of(node_id)
        if descriptor is not None:
            self._enter(descriptor)

    def _enter(self, descriptor: Descriptor) -> None:
        now = self._runtime.monotonic()
        uri = descriptor.uri
        admitted = self.table.handshake_completed(descriptor.node_id, uri.host, uri.port, now)
        if admitted.admission is TableAdmission.WAITING and admitted.oldest is not None:
            try:
                self._checks.send_nowait(admitted.oldest)
            except trio.WouldBlock:
                return  # enough checks are under way; the contact keeps waiting

    # tasks

    async def _check_contacts(self) -> None:
        async for node_id in self._to_check:
            await self._crawler.check(node_id)

    async def _keep_house(self) -> None:
        swept_at = self._runtime.monotonic()
        while True:
            await trio.sleep(TICK_SECONDS)
            self.publish_own()
            try:
                await self._save()
            except StorageError:
                self.failed_saves += 1  # the directory works from memory until the disk is back
            if self._runtime.monotonic() - swept_at >= SWEEP_SECONDS:
                swept_at = self._runtime.monotonic()
                await self._sweep()

    async def _sweep(self) -> None:
        for node_id in self.descriptors.expire(self._runtime.wall()):
            self.table.forget(node_id)
        try:
            await self._shelf.expire()
            await self._queue.run(partial(self._store.drop_old_descriptors, self._runtime.wall()))
        except StorageError:
            self.failed_saves += 1

    async def _save(self) -> None:
        """Write what is new; what could not be written stays on the list."""
        items, proofs = dict(self._unsaved), tuple(self._unsaved_proofs)
        if not items and not proofs:
            return
        await self._queue.run(partial(self._save_now, items, proofs, self._runtime.wall()))
        for node_id, item in items.items():
            if self._unsaved.get(node_id) is item:
                del self._unsaved[node_id]
        del self._unsaved_proofs[: len(proofs)]

    def _save_now(
        self, items: Mapping[NodeId, Descriptor], proofs: Sequence[EquivocationProof], now: float
    ) -> None:
        self._store.save_descriptors([(key, item.raw) for key, item in items.items()], now)
        for proof in proofs:
            self._store.save_proof(proof.node_id, proof.first, proof.second)


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Tell whoever asks that the disk is full or failing; it is no fault of the link."""
    try:
        yield
    except StorageFullError:
        raise RefusedError("disk") from None  # `full` is a rule's word, answered with more work
    except StorageError:
        raise RefusedError("unavailable") from None

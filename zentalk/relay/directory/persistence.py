"""Writes the directory's news to the disk: descriptors and proofs that are new, in batches.

Everything works from memory until the disk is back: news that could not be written stays on
the list and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import trio

from zentalk.directory.equivocation import EquivocationProof
from zentalk.directory.news import Command, GossipDescriptor, GossipEquivocation
from zentalk.directory.observations import OBSERVED_SECONDS, Observation
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.store.directory_store import DirectoryStore
from zentalk.store.observation_table import StoredObservation
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

K = TypeVar("K")
T = TypeVar("T")


class StoreQueue:
    """Runs functions of the store off the event loop, one after the other."""

    def __init__(self, runtime: Runtime, store: DirectoryStore) -> None:
        self._runtime = runtime
        self.store = store
        self._turn = trio.Lock()

    async def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns; StorageError comes out as it is."""
        async with self._turn:
            return await self._runtime.run_blocking(function)


class Kept(NamedTuple):
    """The contents of the store: raw descriptors, convicting pairs of them, and who was reached."""

    descriptors: list[bytes]
    proofs: list[tuple[bytes, bytes]]
    observations: list[Observation]


class NewsWriter:
    """Keeps what the descriptor set accepted, and who was reached, until it is written."""

    def __init__(self, queue: StoreQueue) -> None:
        self._queue = queue
        self._descriptors: dict[NodeId, Descriptor] = {}
        self._proofs: list[EquivocationProof] = []
        self._observations: dict[RelayUri, Observation] = {}
        self.soon = Signal()
        """Set when there is news that the next life cannot do without."""
        self.failures = 0
        """The number of times that news could not be written; it is kept and tried again."""

    def note(self, command: Command) -> None:
        """Put what the descriptor set accepted on the list."""
        if isinstance(command, GossipDescriptor):
            self._descriptors[command.descriptor.node_id] = command.descriptor
        elif isinstance(command, GossipEquivocation):
            self._descriptors.pop(command.proof.node_id, None)
            self._proofs.append(command.proof)

    def note_observation(self, found: Observation, *, is_first: bool) -> None:
        """Put a relay that was reached on the list; `is_first` if it did not count before.

        A relay that is killed before that is written knows nobody when it starts again.
        """
        self._observations[found.uri] = found
        if is_first:
            self.soon.set()

    async def read(self) -> Kept:
        """Return what was kept; raises StorageError."""
        return await self._queue.run(self._read_now)

    async def write(self, wall: float) -> None:
        """Write what is new; raises StorageError, and the list stays as it was."""
        items, proofs = dict(self._descriptors), tuple(self._proofs)
        observed = dict(self._observations)
        if not items and not proofs and not observed:
            return
        await self._queue.run(partial(self._write_now, items, proofs, observed, wall))
        _drop_written(self._descriptors, items)
        _drop_written(self._observations, observed)
        del self._proofs[: len(proofs)]

    async def drop_old(self, wall: float) -> None:
        """Delete what nobody uses any more; raises StorageError."""
        await self._queue.run(partial(self._queue.store.drop_old_descriptors, wall))
        drop = self._queue.store.observed.drop_before
        await self._queue.run(partial(drop, wall - OBSERVED_SECONDS))

    def _read_now(self) -> Kept:
        store = self._queue.store
        observed = [
            Observation(RelayUri(row.identity, row.host, row.port), row.address, row.reached_at)
            for row in store.observed.all()
        ]
        return Kept(store.descriptors(), store.proofs(), observed)

    def _write_now(
        self,
        items: Mapping[NodeId, Descriptor],
        proofs: Sequence[EquivocationProof],
        observed: Mapping[RelayUri, Observation],
        wall: float,
    ) -> None:
        store = self._queue.store
        store.save_descriptors([(key, item.raw) for key, item in items.items()], wall)
        for proof in proofs:
            store.save_proof(proof.node_id, proof.first, proof.second)
        store.observed.save(
            [
                StoredObservation(
                    node_id_of(uri.identity), uri.identity, uri.host, uri.port, *found[1:]
                )
                for uri, found in observed.items()
            ]
        )


def _drop_written(waiting: dict[K, T], written: Mapping[K, T]) -> None:
    """Take off the list what was written, unless something newer is there."""
    for key, item in written.items():
        if waiting.get(key) is item:
            del waiting[key]

"""What of the directory goes to the disk: descriptors and proofs that are new, in batches.

Everything works from memory until the disk is back: news that could not be written stays on
the list and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import trio

from zentalk.directory.descriptor_set import Command, GossipDescriptor
from zentalk.directory.equivocation import EquivocationProof
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.store.directory_store import DirectoryStore
from zentalk.wire.descriptor import Descriptor

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


class NewsWriter:
    """Keeps what the descriptor set accepted until it is written."""

    def __init__(self, queue: StoreQueue) -> None:
        self._queue = queue
        self._descriptors: dict[NodeId, Descriptor] = {}
        self._proofs: list[EquivocationProof] = []
        self.failures = 0
        """How often news could not be written; it is kept and tried again."""

    def note(self, command: Command) -> None:
        """Put what the descriptor set accepted on the list."""
        if isinstance(command, GossipDescriptor):
            self._descriptors[command.descriptor.node_id] = command.descriptor
        else:
            self._descriptors.pop(command.proof.node_id, None)
            self._proofs.append(command.proof)

    async def read(self) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
        """Return the descriptors and proofs that were kept; raises StorageError."""
        raws = await self._queue.run(self._queue.store.descriptors)
        return raws, await self._queue.run(self._queue.store.proofs)

    async def write(self, wall: float) -> None:
        """Write what is new; raises StorageError, and the list stays as it was."""
        items, proofs = dict(self._descriptors), tuple(self._proofs)
        if not items and not proofs:
            return
        await self._queue.run(partial(self._write_now, items, proofs, wall))
        for node_id, item in items.items():
            if self._descriptors.get(node_id) is item:
                del self._descriptors[node_id]
        del self._proofs[: len(proofs)]

    async def drop_old(self, wall: float) -> None:
        """Delete descriptors that nobody uses any more; raises StorageError."""
        await self._queue.run(partial(self._queue.store.drop_old_descriptors, wall))

    def _write_now(
        self, items: Mapping[NodeId, Descriptor], proofs: Sequence[EquivocationProof], wall: float
    ) -> None:
        store = self._queue.store
        store.save_descriptors([(key, item.raw) for key, item in items.items()], wall)
        for proof in proofs:
            store.save_proof(proof.node_id, proof.first, proof.second)

"""Repairs one segment of a file, its index or its head: what is lost is put where it may lie.

Spec: docs/spec/mesh.md section 11. Where shards lie now is written down before anything else is
done. A put that was not written down is repeated after a crash, to the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from zentalk.errors import RELAY_FAULTS, ConflictError
from zentalk.ids import NodeId
from zentalk.mesh.placement import HEAD, NEAREST, ShardCandidate, ShardNumber, nearest, slot_of
from zentalk.mesh.repair import RepairPlan, Task, plan_repair
from zentalk.mesh.secrets import FileSecrets, ShareSecrets
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.care.contents import Contents, ShardMaker
from zentalk.node.files.care.moving import Move
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.store.history import file_care, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.file_care import Leftover
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.head import PIECES
from zentalk.wire.statement import Op

CHANGED: Final = "the file was changed or deleted meanwhile"


class FileRepairer:
    """Repairs files, a segment at a time."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        maker: ShardMaker,
        calls: HolderCalls,
        relays: StorageRelays,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._maker = maker
        self._calls = calls
        self._relays = relays

    async def repair(self, book: FileBook, segment: int) -> None:
        """Put what is lost of a segment where there is room for it, and note it in `book`.

        Raises TooFewShardsError or DecodeError if it cannot be made again, ConflictError if the
        file was deleted or rotated meanwhile, StorageError.
        """
        failed: set[NodeId] = set()
        plan = self._plan(book, segment, failed)
        if not plan.puts:
            return
        contents = await self._maker.make(book, plan, lambda: self._lost(book, segment))
        done = await self._put_all(book, segment, contents, failed)
        if done:
            await self._note(book, segment, done)

    async def _put_all(
        self, book: FileBook, segment: int, contents: Contents, failed: set[NodeId]
    ) -> list[Task]:
        """Put shards until all have a holder, or nobody is left who takes one."""
        assert book.file.owner_secret is not None
        done: list[Task] = []
        while True:
            wanted = self._plan(book, segment, failed).puts
            puts = [task for task in wanted if task.number.piece in contents]
            if not puts:
                return done
            for task in puts:
                content = contents[task.number.piece]
                try:
                    await self._calls.put(task.holder, book.file.owner_secret, content)
                except RELAY_FAULTS:
                    failed.add(task.holder)
                else:
                    book.known.stored(*task)
                    done.append(task)

    def _plan(self, book: FileBook, segment: int, failed: set[NodeId]) -> RepairPlan:
        file, known = book.file, book.known
        first = {} if segment == HEAD else _first(file, segment)
        silent = set(known.silent_since)
        bad = failed | silent | known.spoilers
        near = [
            one
            for rank, one in enumerate(self._ordered(file, segment))
            if one.node not in bad and (rank < NEAREST or one.node in first.values())
        ]
        live = known.live(self._runtime.wall())
        return plan_repair(segment, live, near, first=first, silent=silent)

    def _ordered(self, file: StoredFile, segment: int) -> list[ShardCandidate]:
        assert file.content_secret is not None
        if segment == HEAD:
            place: bytes = ShareSecrets(file.share_secret).head_place
        else:
            place = FileSecrets(file.content_secret).shard_place
        return nearest(place, self._relays.candidates())

    def _lost(self, book: FileBook, segment: int) -> Sequence[int]:
        if segment == HEAD:
            return (0,)
        live = book.known.live(self._runtime.wall()).values()
        there = {one.piece for numbers in live for one in numbers if one.segment == segment}
        return [index for index in range(PIECES) if index not in there]

    async def _note(self, book: FileBook, segment: int, done: Sequence[Task]) -> None:
        """Write down where shards lie now; raises ConflictError if that is not wanted any more."""
        now = self._runtime.wall()
        move = Move(book, segment, done, now)

        def job(tx: Transaction) -> StoredFile | None:
            file = files.get(tx, book.file.id)
            if file is None or file.state is not FileState.KEPT:
                return None
            if segment == HEAD and file.cid != book.file.cid:
                file_care.leave(tx, file.id, move.in_vain())
                return file
            move.write(tx, file)
            files.renewed(tx, file.id, now)
            return files.get(tx, file.id)

        file = await self._database.write(job)
        if file is None:
            await self._take_back(book.file, move.in_vain())
        if file is None or file.cid != book.file.cid:
            raise ConflictError(CHANGED)
        move.apply(file)

    async def _take_back(self, file: StoredFile, put: Sequence[Leftover]) -> None:
        """Delete what was put of a file that was deleted meanwhile; leases end in any case."""
        assert file.owner_secret is not None
        for one in put:
            with suppress(*RELAY_FAULTS):
                await self._calls.change(one.holder, file.owner_secret, Op.DELETE, [one.id])


def _first(file: StoredFile, segment: int) -> dict[int, NodeId]:
    """Return for each index of a segment the holder that the head names."""
    return {
        index: file.holders[file.slots[slot_of(ShardNumber(segment, index))]]
        for index in range(PIECES)
    }

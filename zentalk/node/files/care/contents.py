"""Makes lost shards again: from what lies in the node's folder, or from ten that others have.

Spec: docs/spec/mesh.md section 11. Nothing is opened, and nothing leaves here whose id is not the
one that the file says. One segment is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from zentalk.errors import RELAY_FAULTS, DecodeError, NotFoundError, RefusedError
from zentalk.ids import ShardId
from zentalk.mesh.audit import ShardVerdict, judge_refusal
from zentalk.mesh.erasure import TooFewShardsError
from zentalk.mesh.placement import HEAD, INDEX
from zentalk.mesh.repair import RepairPlan, Task
from zentalk.mesh.segments import recoded
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.holders.calls import CorruptShardError, HolderCalls
from zentalk.node.files.maps import ids_of
from zentalk.node.files.upload.making import made_head, made_index, made_segment
from zentalk.node.files.upload.slots import layout_of
from zentalk.store.file_folder import FileFolder
from zentalk.store.history.files import FilePart
from zentalk.wire.head import segment_bytes_of, segment_count_of
from zentalk.wire.shard import Coding, Shard, decode_shard, encode_shard, shard_id

Contents = dict[int, bytes]
"""Shards of one segment, by their index; the head has index 0."""


class ShardMaker:
    """Makes shards of own files."""

    def __init__(self, runtime: Runtime, folder: FileFolder, calls: HolderCalls) -> None:
        self._runtime = runtime
        self._folder = folder
        self._calls = calls

    async def make(
        self, book: FileBook, plan: RepairPlan, wanted: Callable[[], Sequence[int]]
    ) -> Contents:
        """Return the wanted shards of a segment, all of them right.

        What is wanted is asked once others were read: more may be lost then than was known.
        Raises TooFewShardsError if they cannot be had, DecodeError if they would not be right, and
        StorageError.
        """
        part = book.parts[plan.segment]
        if plan.segment >= 0 and book.file.is_here:
            with suppress(NotFoundError, DecodeError):
                return await self._here(book, plan.segment, wanted())
        try:
            found = await self._read(book, plan)
        except TooFewShardsError:
            if plan.segment >= 0:
                raise
            return await self._here(book, plan.segment, wanted())
        if plan.segment == HEAD:
            return found
        return await self._runtime.run_blocking(partial(_recoded, part, found, wanted()))

    async def _here(self, book: FileBook, segment: int, wanted: Sequence[int]) -> Contents:
        """Make shards of what is here: the file, or the ids that index and head are made of."""
        return await self._runtime.run_blocking(partial(self._made, book, segment, wanted))

    def _made(self, book: FileBook, segment: int, wanted: Sequence[int]) -> Contents:
        file, count = book.file, segment_count_of(book.file.size)
        ids = tuple(ids_of(book.parts[number]) for number in range(count)) if segment < 0 else ()
        if segment == HEAD:
            index = ids_of(book.parts[INDEX]) if INDEX in book.parts else None
            made = made_head(file, layout_of(file.holders, file.slots), ids, index)
        elif segment == INDEX:
            made = made_index(file, ids)
        else:
            size = segment_bytes_of(file.size)
            data = self._folder.read(file.id, segment * size, size)
            if len(data) != min(size, file.size - segment * size):
                raise NotFoundError("the file in this node's folder is not whole")
            made = made_segment(file, segment, count, data)
        return _checked(book.parts[segment], {index: made.contents[index] for index in wanted})

    async def _read(self, book: FileBook, plan: RepairPlan) -> Contents:
        """Read as many shards as are enough, one after the other; note which are not there."""
        found: Contents = {}
        ids = ids_of(book.parts[plan.segment])
        for task in plan.reads:
            if len(found) == plan.enough:
                break
            if task.number.piece not in found:
                content = await self._one(book, task, ids[task.number.piece])
                if content is not None:
                    found[task.number.piece] = content
        if len(found) < plan.enough:
            raise TooFewShardsError(len(found), plan.enough)
        return found

    async def _one(self, book: FileBook, task: Task, one: ShardId) -> bytes | None:
        now = self._runtime.wall()
        try:
            return await self._calls.get(task.holder, one)
        except CorruptShardError:
            verdict = ShardVerdict.CORRUPT
        except RefusedError as refusal:
            verdict = judge_refusal(refusal.reason)
        except RELAY_FAULTS:
            verdict = ShardVerdict.SILENT
        book.known.read(task.holder, task.number, verdict, now)
        return None


def _recoded(part: FilePart, found: Contents, wanted: Sequence[int]) -> Contents:
    payloads = {index: decode_shard(content).payload for index, content in found.items()}
    made = recoded(payloads, wanted)
    return _checked(
        part,
        {
            index: encode_shard(Shard(Coding.PIECE, index, payload))
            for index, payload in made.items()
        },
    )


def _checked(part: FilePart, made: Contents) -> Contents:
    """Return shards whose ids are those of their part; raises DecodeError for others."""
    ids = ids_of(part)
    if any(shard_id(content) != ids[index] for index, content in made.items()):
        raise DecodeError("what was made again of a file is something else")
    return made

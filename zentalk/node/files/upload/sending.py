"""Brings one file to its holders: a few segments at a time, and noted before it goes on.

Spec: docs/spec/mesh.md sections 3 to 7. What was noted is not sent again after a crash: the same
bytes under the same keys make the same shards. A holder that fails gives its slots to another one
for the rest of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS, NotFoundError, StorageError
from zentalk.net.runtime import Runtime
from zentalk.net.transport import only_faults_of
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.maps import ids_of
from zentalk.node.files.upload.copies import put_copies
from zentalk.node.files.upload.making import Made, made_head, made_index, made_segment
from zentalk.node.files.upload.slots import FileSlots
from zentalk.node.files.views import event_data
from zentalk.store.file_folder import FileFolder
from zentalk.store.history import events, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FilePart, PartKind, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.head import (
    MAX_LISTED_SEGMENTS,
    SegmentIds,
    segment_bytes_of,
    segment_count_of,
)

_FAULTS: Final = (*RELAY_FAULTS, NotFoundError, StorageError)
SEGMENTS_AT_ONCE: Final = 4
"""Some 6 MiB of shards, or 12 of a large file."""


class FileSender:
    """Sends files; `moved` is called whenever one has come further."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        folder: FileFolder,
        calls: HolderCalls,
        moved: Callable[[bytes], None],
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._folder = folder
        self._calls = calls
        self._moved = moved

    async def send(self, file: StoredFile, slots: FileSlots) -> None:
        """Return once holders have all of a file.

        Raises UnavailableError if no holder takes some of it, NotFoundError if the file is not
        here any more, and StorageError; what was done until then stays.
        """
        count = segment_count_of(file.size)
        with only_faults_of(_FAULTS) as fault:
            async with trio.open_nursery() as nursery:
                sending, receiving = trio.open_memory_channel[list[Made]](0)
                nursery.start_soon(self._make_all, file, count, sending)
                async with receiving:
                    async for made in receiving:
                        await self._keep(file, slots, made, made[-1].number + 1)
        if (error := fault.first()) is not None:
            raise error
        rows = await self._database.read(lambda tx: files.parts(tx, file.id, PartKind.DATA))
        ids = tuple(map(ids_of, rows))
        index: SegmentIds | None = None
        if count > MAX_LISTED_SEGMENTS:
            made_one = await self._runtime.run_blocking(partial(made_index, file, ids))
            await self._keep(file, slots, [made_one], count)
            index = made_one.ids
        make = partial(made_head, file, slots.layout(), ids, index)
        head = await self._runtime.run_blocking(make)
        holders = await put_copies(self._calls, file, head.contents[0], slots.head_order())
        places = bytes(map(slots.place, holders))
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            files.add_holders(tx, file.id, slots.holders)
            files.put_part(tx, file.id, FilePart(PartKind.HEAD, 0, head.ids[0], places))
            files.finished(tx, file.id, head.ids[0], now)
            self._tell(tx, file.id)

        await self._database.write(job)
        self._moved(file.id)

    async def _make_all(
        self, file: StoredFile, count: int, sending: trio.MemorySendChannel[list[Made]]
    ) -> None:
        """Make the shards of some segments while those before them are on their way."""
        async with sending:
            for first in range(file.segments_done, count, SEGMENTS_AT_ONCE):
                numbers = range(first, min(first + SEGMENTS_AT_ONCE, count))
                made = [await self._segment(file, number, count) for number in numbers]
                await sending.send(made)

    def _tell(self, tx: Transaction, file_id: bytes) -> None:
        found = files.get(tx, file_id)
        if found is not None:
            events.append(tx, "file.changed", self._runtime.wall(), event_data(found))

    async def _segment(self, file: StoredFile, number: int, count: int) -> Made:
        size = segment_bytes_of(file.size)

        def make() -> Made:
            data = self._folder.read(file.id, number * size, size)
            if len(data) != min(size, file.size - number * size):
                raise NotFoundError("the file in this node's folder is not whole")
            return made_segment(file, number, count, data)

        return await self._runtime.run_blocking(make)

    async def _keep(
        self, file: StoredFile, slots: FileSlots, made: Sequence[Made], done: int
    ) -> None:
        """Put the shards of some segments, and note where they lie."""
        rows = await self._put_all(file, slots, made)

        def job(tx: Transaction) -> None:
            if files.get(tx, file.id) is None:
                raise NotFoundError("the file was deleted")
            files.set_place(tx, file.id, slots.holders, slots.row)
            for row in rows:
                files.put_part(tx, file.id, row)
            files.progressed(tx, file.id, done)
            self._tell(tx, file.id)

        await self._database.write(job)
        self._moved(file.id)

    async def _put_all(
        self, file: StoredFile, slots: FileSlots, made: Sequence[Made]
    ) -> list[FilePart]:
        batch = _Batch(self._calls, file, slots, made)
        await batch.put()
        return [
            FilePart(one.kind, one.number, b"".join(one.ids), bytes(where))
            for one, where in zip(made, batch.places, strict=True)
        ]


class _Batch:
    """The shards of some segments on their way to their holders, one after the other to each."""

    def __init__(
        self, calls: HolderCalls, file: StoredFile, slots: FileSlots, made: Sequence[Made]
    ) -> None:
        assert file.owner_secret is not None
        self._calls = calls
        self._owner_secret = file.owner_secret
        self._slots = slots
        self._made = made
        self.places = [bytearray(len(one.contents)) for one in made]

    async def put(self) -> None:
        """Return once each shard has a holder; raises UnavailableError if nobody takes one."""
        waiting = [(at, index) for at, one in enumerate(self._made) for index in _indexes(one)]
        while waiting:
            by_holder: dict[int, list[tuple[int, int]]] = {}
            for at, index in waiting:
                place = self._slots.place_of(self._made[at].number, index)
                by_holder.setdefault(place, []).append((at, index))
            failed: list[tuple[int, int]] = []
            async with trio.open_nursery() as nursery:
                for place, mine in by_holder.items():
                    nursery.start_soon(self._put_to, place, mine, failed)
            waiting = failed

    async def _put_to(
        self, place: int, mine: Sequence[tuple[int, int]], failed: list[tuple[int, int]]
    ) -> None:
        """Put some shards to one holder; those that it does not take are added to `failed`."""
        holder = self._slots.holders[place]
        async with self._calls.held(holder):
            for number, (at, index) in enumerate(mine):
                content = self._made[at].contents[index]
                try:
                    await self._calls.put(holder, self._owner_secret, content)
                except RELAY_FAULTS as error:
                    self._slots.replace(place, error)
                    failed += mine[number:]
                    return
                self.places[at][index] = place


def _indexes(made: Made) -> range:
    return range(len(made.contents))

"""The shards of one relay: puts that are durable when they return, reads by range, removals.

Spec: docs/spec/mesh.md sections 8 and 9. What is decided is decided by functions that callers pass
in; they run inside the transaction that carries the decision out. Files are written by as many
threads as there are puts, and rows are committed in groups, so that puts share their syncs.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from zentalk.errors import StorageError
from zentalk.store.blocking import RunBlocking
from zentalk.store.disk_space import DiskSpace
from zentalk.store.reader import BatchReader
from zentalk.store.shards import rows
from zentalk.store.shards.files import ShardFiles, file_error
from zentalk.store.shards.rows import INLINE_BYTES, Doomed
from zentalk.store.shards.schema import MIGRATIONS
from zentalk.store.shards.sentinel import ShardFolder
from zentalk.store.sqlite import Transaction, open_database, storage_errors, transaction
from zentalk.store.writer import BatchWriter

T = TypeVar("T")

INDEX_FILE: Final = "shards.db"
READERS: Final = 2
_RUN: Final = "run"
_SENTINEL: Final = "sentinel"


class ShardLostError(StorageError):
    """A row is there and its file is gone, or shorter than it was."""

    def __init__(self, lost: Doomed) -> None:
        super().__init__("the file of a shard is gone: look at the disk")
        self.lost = lost


class ShardStore(BatchWriter):
    """Opens the shards in `place.folder`, or makes the folder for a relay that never had any.

    Raises ShardsMissingError, ForeignShardsError, or StorageError if the index cannot be used.
    """

    def __init__(self, place: ShardFolder, run_blocking: RunBlocking) -> None:
        path = place.folder / INDEX_FILE
        place.check(has_index=path.exists())
        self.place = place
        self._space = DiskSpace(path)
        self._writing = _open_index(place, path, self._space)
        self._readers: list[sqlite3.Connection] = []
        try:
            for _ in range(READERS):
                self._readers.append(open_database(path, MIGRATIONS, read_only=True))
            self.files = ShardFiles(place.folder, _next_run(self._writing))
        except BaseException:
            self.close()
            raise
        self._blocking = run_blocking
        self._reader = BatchReader(self._readers, run_blocking, path)
        super().__init__(self._writing, run_blocking, path)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query that sees the last commit; raises what it raises, or StorageError."""
        return await self._reader.read(query)

    async def put(
        self, shard_id: bytes, content: bytes, keep: Callable[[Transaction, int], tuple[T, bool]]
    ) -> T:
        """Store a shard: `keep` gets its place, and tells a result and whether it added a row.

        On the disk when this returns the result. Raises what `keep` raises, StorageFullError if
        there is no room, or StorageError; nothing is left then.
        """
        if not self._space.has_ballast:
            await self.read(self._space.room)
        # Not cancellable half way: a file without a row would stay until the next start.
        with trio.CancelScope(shield=True):
            shard_place = await self._blocking(partial(self._write_file, shard_id, content))
            is_kept = False
            try:
                result, is_kept = await self.write(lambda tx: keep(tx, shard_place))
            finally:
                if shard_place and not is_kept:
                    await self._blocking(partial(self.files.remove, shard_id, shard_place))
        return result

    async def get(
        self, shard_id: bytes, hour: int, offset: int, length: int
    ) -> tuple[int, bytes] | None:
        """Return the size of a shard and a range of its bytes; None if it is not here at an hour.

        Raises ShardLostError if its file is not what the row says, StorageError if it cannot be
        read.
        """

        def read(tx: Transaction) -> tuple[int, bytes] | Doomed | None:
            row = rows.find(tx, shard_id)
            if row is None or row.expires <= hour:
                return None
            if not row.place:
                return row.size, rows.small_bytes(tx, shard_id, offset, length)
            content = self.files.read(shard_id, row.place, offset, length)
            if content is None or len(content) != max(0, min(length, row.size - offset)):
                return Doomed(shard_id, row.place)
            return row.size, content

        found = await self.read(read)
        if isinstance(found, Doomed):
            # One that was removed between row and file has no row now, or another file.
            found = await self.read(read)
        if isinstance(found, Doomed):
            raise ShardLostError(found)
        return found

    async def remove(self, choose: Callable[[Transaction], tuple[T, Sequence[Doomed]]]) -> T:
        """Remove what `choose` has removed the rows of, so that no byte of it is left.

        Raises what `choose` raises, or StorageError if nothing was removed.
        """
        with trio.CancelScope(shield=True):
            result, doomed = await self.write_at_any_rate(choose)
            files = [one for one in doomed if one.place]
            if files:
                await self._blocking(lambda: [self.files.remove(*one) for one in files])
            if len(files) < len(doomed):
                # Or else their bytes stay in the log. What fails is done with the next commit.
                with suppress(StorageError):
                    await self.scrub()
        return result

    async def write_at_any_rate(self, function: Callable[[Transaction], T]) -> T:
        """Write; on a full disk once more, without the ballast. Raises as `write` does."""
        try:
            return await self.write(function)
        except StorageError:
            if not await self._blocking(self._space.release):
                raise
        return await self.write(function)

    def close(self) -> None:
        """Close the index; the writer must have ended."""
        for connection in (*self._readers, self._writing):
            connection.close()

    def _write_file(self, shard_id: bytes, content: bytes) -> int:
        """Write what is large into a file, if the disk has room; return its place, 0 for none."""
        if not self._space.fits(len(content)):
            raise file_error(OSError(errno.ENOSPC, "no space"), self.place.folder)
        return self.files.write(shard_id, content) if len(content) > INLINE_BYTES else 0


def _open_index(place: ShardFolder, path: Path, space: DiskSpace) -> sqlite3.Connection:
    """Open the index for writing, and agree with the folder on whose it is."""
    connection = _open(path, space)
    try:
        # What was deleted is overwritten: the bytes of small shards, ids and lease keys.
        connection.execute("PRAGMA secure_delete = ON")

        def tell() -> None:
            with transaction(connection) as tx:
                rows.keep(tx, _SENTINEL, b"1")

        with storage_errors(path):
            told = bool(rows.kept(connection, _SENTINEL))
        place.settle(told=told, tell=tell)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: Path, space: DiskSpace) -> sqlite3.Connection:
    try:
        return open_database(path, MIGRATIONS)
    except StorageError:
        if not space.release():
            raise
    return open_database(path, MIGRATIONS)


def _next_run(connection: sqlite3.Connection) -> int:
    """Return a number that no start before had; on the disk on return."""
    with transaction(connection) as tx:
        run = int.from_bytes(rows.kept(tx, _RUN), "big") + 1
        rows.keep(tx, _RUN, run.to_bytes(4, "big"))
    return run

"""The open history database: one writer that groups commits, and reads beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import trio

from zentalk.errors import StorageError
from zentalk.store.blocking import RunBlocking
from zentalk.store.history import events
from zentalk.store.history.models import StoredEvent
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, storage_errors
from zentalk.store.writer import BatchWriter

T = TypeVar("T")

READERS: Final = 2
"""Read connections: reads see the last commit and never wait for the writer."""
_ALL: Final = -1


class HistoryDatabase:
    """Opens `path`, creating or migrating it.

    `on_events` gets the events of each commit, in order, before the jobs' callers go on.
    Raises StorageError if the file is damaged, of a newer version or not accessible.
    """

    def __init__(self, path: Path, run_blocking: RunBlocking) -> None:
        self._path = path
        self._run_blocking = run_blocking
        self._connection = open_database(path, MIGRATIONS)
        # Deleted and overwritten data is zeroed: old keys, ratchets and messages are gone.
        self._connection.execute("PRAGMA secure_delete = ON")
        self._scrubbing = False
        self._writer = BatchWriter(self._connection, run_blocking, path, self._read_events)
        self._readers = [open_database(path, MIGRATIONS, read_only=True) for _ in range(READERS)]
        self._reader_free = trio.CapacityLimiter(READERS)
        self._last_event = self.read_now(events.last_seq)
        self.on_events: Callable[[list[StoredEvent]], None] = lambda _events: None
        self._write_trouble: str | None = None
        self._read_trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """The error of the last commit or read, None if both went well."""
        return self._write_trouble or self._read_trouble

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run a job in a transaction and return after its commit (see BatchWriter)."""
        try:
            result = await self._writer.write(job)
        except StorageError as error:
            self._write_trouble = str(error)
            raise
        self._write_trouble = None
        return result

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query on a read connection.

        Raises StorageError if the file cannot be read.
        """
        async with self._reader_free:
            connection = self._readers.pop()
            try:
                with storage_errors(self._path):
                    result = await self._run_blocking(lambda: query(connection))
            except StorageError as error:
                self._read_trouble = str(error)
                raise
            else:
                self._read_trouble = None
                return result
            finally:
                self._readers.append(connection)

    async def scrub(self) -> None:
        """Empty the write-ahead log, which still holds what was deleted since the last time.

        If somebody reads meanwhile, it is done after the next commit. Raises StorageError.
        """
        self._scrubbing = True
        await self.write(lambda _tx: None)

    def read_now(self, query: Callable[[Transaction], T]) -> T:
        """Run a query at once, in this thread; for start-up only."""
        with storage_errors(self._path):
            return query(self._readers[0])

    def _read_events(self, tx: Transaction) -> Callable[[], None]:
        """Read what a commit has added to the event log, while the rows are at hand."""
        fresh = events.page(tx, self._last_event, _ALL)
        if self._scrubbing:
            # A disk that has no room for it does not keep what was committed from its readers.
            with suppress(sqlite3.Error):
                busy, *_ = tx.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._scrubbing = bool(busy)
        if not fresh:
            return lambda: None
        self._last_event = fresh[-1].seq
        return lambda: self.on_events(fresh)

    async def run(self) -> None:
        """Write until cancelled."""
        await self._writer.run()

    def close(self) -> None:
        """Close all connections; the writer must have ended."""
        for connection in (*self._readers, self._connection):
            connection.close()

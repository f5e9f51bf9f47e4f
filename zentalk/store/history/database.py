"""The open history database: one writer that groups commits, and reads beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from zentalk.store.blocking import RunBlocking
from zentalk.store.history.events import EventTail, last_seq
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.reader import BatchReader
from zentalk.store.sqlite import Transaction, open_database, storage_errors
from zentalk.store.writer import BatchWriter

T = TypeVar("T")

READERS: Final = 2
"""Read connections: reads see the last commit and never wait for the writer."""


class HistoryDatabase(BatchWriter):
    """Opens `path`, creating or migrating it.

    `tail` tells the events of each commit, in order, before the jobs' callers go on.
    Raises StorageError if the file is damaged, of a newer version or not accessible.
    """

    def __init__(self, path: Path, run_blocking: RunBlocking) -> None:
        self._path = path
        connection = open_database(path, MIGRATIONS)
        # Deleted and overwritten data is zeroed: old keys, ratchets and messages are gone.
        connection.execute("PRAGMA secure_delete = ON")
        self._connections = [
            open_database(path, MIGRATIONS, read_only=True) for _ in range(READERS)
        ]
        self._reader = BatchReader(self._connections, run_blocking, path)
        self.tail = EventTail(self.read_now(last_seq))
        super().__init__(connection, run_blocking, path, self.tail.after_commit)

    @property
    def trouble(self) -> str | None:
        """The error of the last commit or read, None if both went well."""
        return self.write_trouble or self._reader.trouble

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query on a read connection.

        Raises StorageError if the file cannot be read.
        """
        return await self._reader.read(query)

    def read_now(self, query: Callable[[Transaction], T]) -> T:
        """Run a query at once, in this thread; for start-up only."""
        with storage_errors(self._path):
            return query(self._connections[0])

    def close(self) -> None:
        """Close all connections; the writer must have ended."""
        for connection in (*self._connections, self._connection):
            connection.close()

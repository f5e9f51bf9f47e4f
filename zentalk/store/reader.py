"""Many reads, few hops: queries that come while all connections are busy go to a thread together.

A hop to a thread and back costs several times what a short query does. Whoever finds a connection
free reads at once; whoever does not waits, and one of those who wait reads for all of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from zentalk.errors import StorageError
from zentalk.store.blocking import RunBlocking
from zentalk.store.sqlite import STORAGE_FAULTS, Transaction, storage_error

T = TypeVar("T")

MAX_BATCH: Final = 32
"""The most queries of one hop: the first has its answer only when the last has."""


class _Query:
    __slots__ = ("connection", "done_or_leads", "error", "function", "result")

    def __init__(self, function: Callable[[Transaction], Any]) -> None:
        self.function = function
        self.done_or_leads = trio.Event()
        self.connection: sqlite3.Connection | None = None
        """With it, it is this query's turn to read for all that wait."""
        self.result: Any = None
        self.error: BaseException | None = None


class BatchReader:
    """Runs queries on read connections, each used by one thread at a time.

    `trouble` is what the owner is told of the last query that ended if the storage failed it, else
    None.
    """

    def __init__(
        self, connections: Sequence[sqlite3.Connection], run_blocking: RunBlocking, path: Path
    ) -> None:
        self._free = list(connections)
        self._run_blocking = run_blocking
        self._path = path
        self._waiting: list[_Query] = []
        """Empty while a connection is free."""
        self.trouble: str | None = None

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run a query, which sees the last commit; raises what it raises, or StorageError."""
        query = _Query(function)
        # Not cancellable half way: others may wait for what this one reads for them. But before it
        # and after it, or whoever was cancelled would go on to write into what is closed already.
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope(shield=True):
            if self._free:
                query.connection = self._free.pop()
            else:
                self._waiting.append(query)
                await query.done_or_leads.wait()
            if query.connection is not None:
                await self._read_with_waiting(query, query.connection)
        await trio.lowlevel.checkpoint_if_cancelled()
        if query.error is None:
            self.trouble = None
            return query.result  # type: ignore[no-any-return]  # the query's own type
        if isinstance(query.error, StorageError):
            self.trouble = query.error.public
        raise query.error

    async def _read_with_waiting(self, query: _Query, connection: sqlite3.Connection) -> None:
        """Run a query and those that wait, then leave the connection to the next that waits."""
        also, self._waiting = self._waiting[: MAX_BATCH - 1], self._waiting[MAX_BATCH - 1 :]
        batch = [query, *also]
        try:
            await self._run_blocking(lambda: self._run(batch, connection))
        except BaseException as error:
            for each in also:
                each.error = error
            raise
        finally:
            for each in also:
                each.done_or_leads.set()
            self._leave(connection)

    def _leave(self, connection: sqlite3.Connection) -> None:
        if self._waiting:
            leader = self._waiting.pop(0)
            leader.connection = connection
            leader.done_or_leads.set()
        else:
            self._free.append(connection)

    def _run(self, batch: Sequence[_Query], connection: sqlite3.Connection) -> None:
        for query in batch:
            try:
                query.result = query.function(connection)
            except STORAGE_FAULTS as error:
                query.error = storage_error(error, self._path)
            except Exception as error:  # noqa: BLE001  # handed to its caller, not swallowed
                query.error = error

"""One writer, many transactions a commit: group commit for a SQLite database.

Jobs that arrive while a commit is under way share the next one, so that durability
costs one fsync a batch. Each job runs in a savepoint of its own: one that fails undoes
only itself. A job's answer is given only after the commit it belongs to. Jobs must be
short, must not block on anything but the database, and must not keep state that a
failed commit would leave wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from zentalk.errors import StorageError
from zentalk.store.blocking import RunBlocking
from zentalk.store.sqlite import storage_errors

T = TypeVar("T")
Transaction = sqlite3.Connection
"""A job gets this connection, inside an open transaction."""

AfterCommit = Callable[[Transaction], Callable[[], None]]
"""Runs after each commit, where the jobs ran; what it returns is called on the event loop."""

MAX_BATCH: Final = 256


class _Job:
    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[Transaction], Any]) -> None:
        self.function = function
        self.done = trio.Event()
        self.result: Any = None
        self.error: BaseException | None = None


def _fail(jobs: list[_Job], error: StorageError) -> None:
    """Let the callers of jobs go on with an error."""
    for job in jobs:
        job.error = job.error or error
        job.done.set()


def _nothing() -> None:
    """Do nothing."""


def _tell_nobody(_transaction: Transaction) -> Callable[[], None]:
    return _nothing


class BatchWriter:
    """Serialises write jobs of one connection and commits them in groups.

    What `after_commit` returns is called before the jobs' callers go on.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        run_blocking: RunBlocking,
        path: Path,
        after_commit: AfterCommit = _tell_nobody,
    ) -> None:
        self._connection = connection
        self._run_blocking = run_blocking
        self._path = path
        self._after_commit = after_commit
        self._jobs: list[_Job] = []
        self._wake = trio.Event()
        self._closed = False

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run a job in a transaction; return its result once that is committed.

        Raises what the job raised, StorageFullError on a full disk, or StorageError.
        """
        if self._closed:
            raise self._is_closed()
        job = _Job(function)
        self._jobs.append(job)
        self._wake.set()
        # Not cancellable half way: the caller must learn what the commit did.
        with trio.CancelScope(shield=True):
            await job.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[no-any-return]  # the job's own type

    async def run(self) -> None:
        """Write until cancelled; jobs that were accepted are finished first."""
        try:
            while True:
                await self._wake.wait()
                await self._drain()
        finally:
            try:
                with trio.CancelScope(shield=True):
                    await self._drain()
            finally:
                self._closed = True
                # Callers wait shielded: whatever happened here, none may wait for ever.
                _fail(self._jobs, self._is_closed())

    def _is_closed(self) -> StorageError:
        return StorageError(f"{self._path} is closed; start the program again")

    async def _drain(self) -> None:
        while self._jobs:
            batch, self._jobs = self._jobs[:MAX_BATCH], self._jobs[MAX_BATCH:]
            try:
                with trio.CancelScope(shield=True):
                    tell = await self._run_blocking(lambda batch=batch: self._commit(batch))  # type: ignore[misc]  # default binds the loop variable
                tell()
            except BaseException:
                _fail(batch, self._is_closed())
                raise
            for job in batch:
                job.done.set()
        self._wake = trio.Event()

    def _commit(self, batch: list[_Job]) -> Callable[[], None]:
        try:
            with storage_errors(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
                for job in batch:
                    self._run_one(job)
                self._connection.execute("COMMIT")
        except StorageError as failure:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for job in batch:
                job.error = job.error or failure
            return _nothing
        try:
            with storage_errors(self._path):
                return self._after_commit(self._connection)
        except StorageError:
            return _nothing  # what was committed stays so; the next commit tells of it

    def _run_one(self, job: _Job) -> None:
        execute = self._connection.execute
        execute("SAVEPOINT job")
        try:
            with storage_errors(self._path):
                job.result = job.function(self._connection)
        except Exception as error:  # noqa: BLE001  # handed to the job's caller, not swallowed
            job.error = error
            execute("ROLLBACK TO job")
        execute("RELEASE job")

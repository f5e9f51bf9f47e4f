"""One writer, many transactions a commit: group commit for a SQLite database.

Jobs that arrive while a commit is under way share the next one, so that durability
costs one fsync a batch. Each job runs in a savepoint of its own: one that fails undoes
only itself. A job's answer is given only after the commit it belongs to. Jobs must be
short, must not block on anything but the database, and must not keep state that a
failed commit would leave wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from zentalk.errors import ConflictError, StorageError, StorageFault
from zentalk.store.blocking import RunBlocking
from zentalk.store.sqlite import STORAGE_FAULTS, Transaction, storage_error

T = TypeVar("T")
AfterCommit = Callable[[Transaction], Callable[[], None] | None]
"""Runs after each commit, where the jobs ran; what it returns is called on the event loop."""

MAX_BATCH: Final = 256
MAX_KEPT: Final = 16
"""The most values that are kept between two commits."""


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


def _tell_nobody(_transaction: Transaction) -> None:
    """Have nothing to tell."""


class SinceCommit:
    """Values by name, made of nothing but the content of a database, until the next commit.

    An application asks for the same lists again and again, and each time costs a hop to a thread,
    a query, and JSON; between two commits the answer cannot be another one. Every commit forgets
    all of them, so that nothing deleted stays here and nothing old is shown.
    """

    def __init__(self) -> None:
        self._commits = 0
        self._kept: dict[str, Any] = {}

    def forget(self) -> None:
        """Drop everything; called for each commit, before whoever asked for it goes on."""
        self._commits += 1
        self._kept.clear()

    async def get(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return the value of a name, made now unless it was made since the last commit.

        One name stands for one kind of value. Raises what `make` raises.
        """
        if name in self._kept:
            return self._kept[name]  # type: ignore[no-any-return]  # what `make` of this name makes
        begun = self._commits
        made = await make()
        # What was read before a commit that has happened meanwhile may be old.
        if begun == self._commits and len(self._kept) < MAX_KEPT:
            self._kept[name] = made
        return made


class BatchWriter:
    """Serialises write jobs of one connection and commits them in groups.

    What `after_commit` returns is called before the jobs' callers go on. `write_trouble` is what
    its owner is told of the storage error of the last job that ended, None if it went well.
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
        self._scrubbing = False
        self.since_commit = SinceCommit()
        self.write_trouble: str | None = None
        self.frozen = ""
        """Why nobody but `write_frozen` may write; empty if all may."""

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run a job in a transaction; return its result once that is committed.

        Raises what the job raised, StorageFullError on a full disk, StorageError, or ConflictError
        while the database is frozen.
        """
        if self.frozen:
            raise ConflictError(self.frozen)
        return await self.write_frozen(function)

    async def write_frozen(self, function: Callable[[Transaction], T]) -> T:
        """Run a job also while the database is frozen; raises as `write` does."""
        job = _Job(function)
        if self._closed:
            job.error = self._is_closed()
        else:
            self._jobs.append(job)
            self._wake.set()
            # Not cancellable half way: the caller must learn what the commit did.
            with trio.CancelScope(shield=True):
                await job.done.wait()
        if isinstance(job.error, StorageError):
            self.write_trouble = job.error.public
        if job.error is not None:
            raise job.error
        self.write_trouble = None
        return job.result  # type: ignore[no-any-return]  # the job's own type

    async def scrub(self) -> None:
        """Empty the write-ahead log, which still holds what was deleted since the last time.

        If somebody reads meanwhile, it is done after the next commit. Raises StorageError.
        """
        self._scrubbing = True
        await self.write(lambda _tx: None)

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
        return StorageError(f"{self._path} is closed; start the program again", StorageFault.CLOSED)

    async def _drain(self) -> None:
        while self._jobs:
            batch, self._jobs = self._jobs[:MAX_BATCH], self._jobs[MAX_BATCH:]
            try:
                with trio.CancelScope(shield=True):
                    tell = await self._run_blocking(lambda batch=batch: self._commit(batch))  # type: ignore[misc]  # default binds the loop variable
                self.since_commit.forget()
                if tell is not None:
                    tell()
            except BaseException:
                _fail(batch, self._is_closed())
                raise
            for job in batch:
                job.done.set()
        self._wake = trio.Event()

    def _commit(self, batch: list[_Job]) -> Callable[[], None] | None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._run_one(job)
            self._connection.execute("COMMIT")
        except STORAGE_FAULTS as error:
            failure = storage_error(error, self._path)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for job in batch:
                job.error = job.error or failure
            return None
        try:
            tell = self._after_commit(self._connection)
        except STORAGE_FAULTS:
            return None  # what was committed stays so; the next commit tells of it
        if self._scrubbing:
            # A disk that has no room for it does not keep what was committed from its readers.
            with suppress(sqlite3.Error):
                log = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy, *_ = log.fetchone()
                self._scrubbing = bool(busy)
        return tell

    def _run_one(self, job: _Job) -> None:
        execute = self._connection.execute
        execute("SAVEPOINT job")
        try:
            job.result = job.function(self._connection)
        except STORAGE_FAULTS as error:
            job.error = storage_error(error, self._path)
        except Exception as error:  # noqa: BLE001  # handed to the job's caller, not swallowed
            job.error = error
        if job.error is not None:
            execute("ROLLBACK TO job")
        execute("RELEASE job")

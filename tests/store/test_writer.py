"""Group commit: one fsync for many jobs, and a failed job undoes only itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import trio
import trio.testing

from zentalk.errors import ConflictError, StorageError
from zentalk.store.sqlite import Transaction, open_database
from zentalk.store.writer import BatchWriter

T = TypeVar("T")
SCHEMA = ("CREATE TABLE t (n INTEGER PRIMARY KEY)",)


async def inline(function: Callable[[], T]) -> T:
    await trio.lowlevel.checkpoint()
    return function()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "t.db", SCHEMA)
    yield opened
    opened.close()


def insert(n: int) -> Callable[[Transaction], int]:
    def job(tx: Transaction) -> int:
        tx.execute("INSERT INTO t VALUES (?)", (n,))
        return n

    return job


def rows(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


async def test_jobs_that_arrive_together_share_one_commit(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    writer = BatchWriter(connection, inline, tmp_path)
    results: list[int] = []

    async def one(n: int) -> None:
        results.append(await writer.write(insert(n)))

    async with trio.open_nursery() as jobs:
        for n in range(20):
            jobs.start_soon(one, n)
        nursery.start_soon(writer.run)
    assert sorted(results) == rows(connection) == list(range(20))
    assert statements.count("COMMIT") <= 2


async def test_a_failed_job_undoes_only_itself(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    writer = BatchWriter(connection, inline, tmp_path)

    def bad(tx: Transaction) -> None:
        insert(99)(tx)
        raise ConflictError("no")

    async def refused() -> None:
        with pytest.raises(ConflictError):
            await writer.write(bad)

    async with trio.open_nursery() as jobs:
        jobs.start_soon(writer.write, insert(1))
        jobs.start_soon(refused)
        jobs.start_soon(writer.write, insert(2))
        nursery.start_soon(writer.run)
    assert rows(connection) == [1, 2]


async def test_a_commit_that_fails_fails_every_job_of_its_batch(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    connection = open_database(tmp_path / "t.db", (*SCHEMA, _DEFERRED))
    writer = BatchWriter(connection, inline, tmp_path)
    failed: list[int] = []

    def breaks_at_commit(tx: Transaction) -> None:
        tx.execute("INSERT INTO child VALUES (12345)")

    async def one(n: int, job: Callable[[Transaction], object]) -> None:
        try:
            await writer.write(job)
        except StorageError:
            failed.append(n)

    async with trio.open_nursery() as jobs:
        jobs.start_soon(one, 1, insert(1))
        jobs.start_soon(one, 2, breaks_at_commit)
        nursery.start_soon(writer.run)
    assert sorted(failed) == [1, 2]
    assert rows(connection) == []
    assert await writer.write(insert(3)) == 3
    connection.close()


_DEFERRED = """CREATE TABLE child (
    t INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED
)"""


async def test_accepted_jobs_are_finished_when_the_writer_is_cancelled(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    writer = BatchWriter(connection, inline, tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.write, insert(7))
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            await writer.run()
    assert rows(connection) == [7]
    with pytest.raises(StorageError):
        await writer.write(insert(8))


async def test_what_a_commit_has_to_tell_is_told_before_its_jobs_return(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    told: list[list[int]] = []

    def after_commit(tx: Transaction) -> Callable[[], None]:
        seen = rows(tx)
        assert not tx.in_transaction
        return lambda: told.append(seen)

    writer = BatchWriter(connection, inline, tmp_path, after_commit)
    nursery.start_soon(writer.run)
    await writer.write(insert(1))
    assert told == [[1]]
    with pytest.raises(StorageError):
        await writer.write(lambda tx: tx.execute("ROLLBACK"))
    await writer.write(insert(2))
    assert told[1:] == [[1, 2]]


async def test_jobs_stay_done_when_telling_of_them_fails(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    def after_commit(_tx: Transaction) -> Callable[[], None]:
        raise sqlite3.OperationalError

    writer = BatchWriter(connection, inline, tmp_path, after_commit)
    nursery.start_soon(writer.run)
    assert await writer.write(insert(1)) == 1
    assert rows(connection) == [1]


async def test_a_writer_that_breaks_leaves_nobody_waiting(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """Callers wait shielded: a bug here must end the program, not hang it."""

    def broken(_tx: Transaction) -> Callable[[], None]:
        raise ZeroDivisionError

    writer = BatchWriter(connection, inline, tmp_path, broken)
    failed: list[int] = []

    async def one(n: int) -> None:
        with pytest.raises(StorageError, match="closed"):
            await writer.write(insert(n))
        failed.append(n)

    async with trio.open_nursery() as jobs:
        jobs.start_soon(one, 1)
        with pytest.raises(ZeroDivisionError):
            await writer.run()
        jobs.start_soon(one, 2)
    assert sorted(failed) == [1, 2]


async def test_a_storage_error_is_remembered_until_a_job_goes_well(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    writer = BatchWriter(connection, inline, tmp_path)
    nursery.start_soon(writer.run)
    assert writer.write_trouble is None
    with pytest.raises(StorageError):
        await writer.write(lambda tx: tx.execute("SELECT * FROM missing"))
    assert writer.write_trouble is not None

    def refused(_tx: Transaction) -> None:
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        await writer.write(refused)
    assert writer.write_trouble is not None
    await writer.write(insert(1))
    assert writer.write_trouble is None


async def test_scrubbing_empties_the_log_at_once_or_after_the_next_commit(
    connection: sqlite3.Connection, tmp_path: Path, nursery: trio.Nursery
) -> None:
    log = tmp_path / "t.db-wal"
    writer = BatchWriter(connection, inline, tmp_path)
    nursery.start_soon(writer.run)
    await writer.write(insert(1))
    assert log.stat().st_size > 0
    await writer.scrub()
    assert log.stat().st_size == 0
    connection.execute("PRAGMA busy_timeout = 0")
    reader = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    await writer.write(insert(2))
    await writer.scrub()
    assert log.stat().st_size > 0
    reader.close()
    await writer.write(insert(3))
    assert log.stat().st_size == 0

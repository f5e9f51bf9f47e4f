"""The event log as its readers see it: only what is committed, from memory or from disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from zentalk.errors import ConflictError
from zentalk.net.runtime import Runtime
from zentalk.node.event_log import MAX_TAIL_EVENTS, EventLog
from zentalk.store.history import events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.event_filter import EVERYTHING, EventFilter, page_of
from zentalk.store.history.models import StoredEvent
from zentalk.store.sqlite import Transaction


@pytest.fixture
async def database(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.virtual(1, 0.0).run_blocking)
    nursery.start_soon(database.run)
    yield database
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    database.close()


def append(tx: Transaction, count: int = 1) -> None:
    for number in range(count):
        events.append(tx, "test", 0.0, {"number": number})


def numbers(found: list[StoredEvent]) -> list[int]:
    return [event.seq for event in found]


def log_of(database: HistoryDatabase) -> EventLog:
    return EventLog(database)


async def test_pages_are_the_same_from_memory_and_from_disk(database: HistoryDatabase) -> None:
    count = MAX_TAIL_EVENTS + 50
    log = log_of(database)
    for _ in range(10):
        await database.write(lambda tx: append(tx, count // 10))
    total = count // 10 * 10
    for after in (0, 1, 49, total - MAX_TAIL_EVENTS, total - 2, total, total + 5):
        for limit in (1, 7, 1000):
            page = (await log.page(after, limit)).events
            assert numbers(page) == list(range(after + 1, total + 1))[:limit]
            assert page == await database.read(
                lambda tx, after=after, limit=limit: events.page(tx, after, limit)  # type: ignore[misc]  # binds the loop variable
            )


async def test_a_reader_who_is_up_to_date_costs_no_query(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(database)
    await database.write(append)

    async def refuse(_query: object) -> None:
        raise AssertionError

    monkeypatch.setattr(database, "read", refuse)
    await log.wait_events(0)
    assert numbers((await log.page(0, 10)).events) == [1]
    assert (await log.page(1, 10)).events == []


async def test_events_of_an_earlier_life_are_read_from_disk(database: HistoryDatabase) -> None:
    await database.write(lambda tx: append(tx, 3))
    log = log_of(database)
    await log.wait_events(2)
    assert numbers((await log.page(0, 10)).events) == [1, 2, 3]
    await database.write(append)
    assert numbers((await log.page(1, 10)).events) == [2, 3, 4]


async def test_waiting_ends_with_the_commit_and_not_with_a_job_that_failed(
    database: HistoryDatabase, nursery: trio.Nursery
) -> None:
    log = log_of(database)
    woken = trio.Event()

    async def wait() -> None:
        await log.wait_events(0)
        woken.set()

    def fail(tx: Transaction) -> None:
        append(tx)
        raise ConflictError("no")

    nursery.start_soon(wait)
    with pytest.raises(ConflictError):
        await database.write(fail)
    await trio.testing.wait_all_tasks_blocked()
    assert not woken.is_set()
    assert (await log.page(0, 10)).events == []
    await database.write(append)
    await woken.wait()
    assert numbers((await log.page(0, 10)).events) == [1]


async def test_what_was_deleted_leaves_the_memory_too(database: HistoryDatabase) -> None:
    log = log_of(database)

    def write(tx: Transaction) -> None:
        for conversation in ("zt1a", "zt1b", "zt1a"):
            events.append(tx, "message.received", 0.0, {"conversation": conversation})

    def delete(tx: Transaction) -> None:
        tx.execute("DELETE FROM events WHERE conversation = 'zt1a'")
        events.append(tx, "conversation.deleted", 0.0, {"conversation": "zt1a"})

    await database.write(write)
    await database.write(delete)
    for after in (0, 1, 2, 3):
        page = (await log.page(after, 10)).events
        assert numbers(page) == [number for number in (2, 4) if number > after]
        assert page == await database.read(lambda tx, after=after: events.page(tx, after, 10))  # type: ignore[misc]  # binds the loop variable


async def test_filtered_pages_are_the_same_from_memory_and_from_disk(
    database: HistoryDatabase,
) -> None:
    log = log_of(database)

    def write(tx: Transaction) -> None:
        for number in range(40):
            kind = ("message.state", "contact.added", "message.created")[number % 3]
            events.append(tx, kind, 0.0, {"conversation": f"zt1{number % 2}"})

    await database.write(write)
    for wanted in (EVERYTHING, EventFilter(("message.",)), EventFilter(("contact.added",), "zt10")):
        for after in (0, 1, 39, 40, 50):
            for limit in (1, 5, 100):
                page = await log.page(after, limit, wanted)
                assert page == await database.read(
                    lambda tx, a=after, n=limit, w=wanted: page_of(tx, a, n, w)  # type: ignore[misc]  # binds the loop variable
                )

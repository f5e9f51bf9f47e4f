"""Filters of the event log: the right events, where to go on, and by index alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zentalk.store.history import event_filter, events
from zentalk.store.history.event_filter import EVERYTHING, EventFilter, page_of
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database, transaction

TYPES = ("message.created", "message.state", "messages.other", "contact.added", "node.copied")
CONVERSATIONS = ("zt1a", "zt1b", None)
LINES = st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(CONVERSATIONS)), max_size=30)
WANTED = st.builds(
    EventFilter,
    st.lists(st.sampled_from([*TYPES, "message.", "m.", "contact.", "zzz."]), max_size=4).map(
        tuple
    ),
    st.sampled_from(CONVERSATIONS),
)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def append(tx: sqlite3.Connection, kind: str, conversation: str | None = None) -> None:
    events.append(tx, kind, 0.0, {} if conversation is None else {"conversation": conversation})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=LINES, wanted=WANTED, after=st.integers(0, 32), limit=st.integers(1, 10))
def test_a_page_holds_what_the_filter_takes_and_goes_on_behind_it(
    tx: sqlite3.Connection,
    lines: list[tuple[str, str | None]],
    wanted: EventFilter,
    after: int,
    limit: int,
) -> None:
    with transaction(tx):
        tx.execute("DELETE FROM events")
        tx.execute("DELETE FROM sqlite_sequence")
        for kind, conversation in lines:
            append(tx, kind, conversation)
    every = [event for event in events.page(tx, 0, -1) if wanted.takes(event)]
    if wanted.types and wanted.conversation is None:
        later = [event for event in every if event.seq > after]
        assert event_filter.newest(tx, after, wanted) == (later[-1] if later else None)
    page = page_of(tx, after, limit, wanted)
    assert page.events == [event for event in every if event.seq > after][:limit]
    gathered, here = [], 0
    for _ in range(40):
        page = page_of(tx, here, limit, wanted)
        gathered += page.events
        here = page.next
    assert gathered == every
    assert here == len(lines)


def test_a_cursor_passes_what_was_left_out(tx: sqlite3.Connection) -> None:
    with transaction(tx):
        for _ in range(100):
            append(tx, "message.state", "zt1a")
    assert page_of(tx, 0, 10, EventFilter(("contact.",))) == ([], 100)
    assert page_of(tx, 0, 10, EventFilter((), "zt1b")) == ([], 100)
    assert page_of(tx, 500, 10, EVERYTHING) == ([], 500)


class Steps:
    """Counts the steps of SQLite's machine."""

    def __init__(self, tx: sqlite3.Connection) -> None:
        self.count = 0
        tx.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.count += 1
        return 0


WORKING = [
    EventFilter(("contact.added",)),
    EventFilter(("contact.", "node.copied")),
    EventFilter((), "zt1b"),
    EventFilter(("message.",), "zt1b"),
    EventFilter(("message.state",), "zt1b"),
]


@pytest.mark.parametrize("wanted", WORKING)
def test_what_is_not_wanted_costs_no_steps(tx: sqlite3.Connection, wanted: EventFilter) -> None:
    with transaction(tx):
        tx.execute("DELETE FROM events")
        for _ in range(1_000):
            append(tx, "message.state", "zt1a")
        append(tx, "message.state", "zt1b")
        append(tx, "contact.added")
    steps = Steps(tx)
    assert page_of(tx, 0, 100, wanted).events
    tx.set_progress_handler(None, 1)
    assert steps.count < 500


def test_control_without_the_index_every_event_is_looked_at(tx: sqlite3.Connection) -> None:
    for name in ("events_by_type", "events_by_type_and_conversation", "events_by_conversation"):
        tx.execute(f"DROP INDEX {name}")
    for wanted in WORKING:
        with pytest.raises(AssertionError):
            test_what_is_not_wanted_costs_no_steps(tx, wanted)


def test_counting_ends_at_its_limit(tx: sqlite3.Connection) -> None:
    for _ in range(10):
        append(tx, "message.state", "zt1a")
    assert event_filter.count(tx, 3, 100, EventFilter(("message.",))) == 7
    assert event_filter.count(tx, 3, 5, EventFilter(("message.",))) == 5


def test_a_filter_tells_nobody_whose_conversation_it_is() -> None:
    assert "zt1a" not in repr(EventFilter(("message.",), "zt1a"))

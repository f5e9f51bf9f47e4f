"""The feed of changed rows: whoever has followed it to its head has the same rows."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zentalk.errors import RemoteProtocolError
from zentalk.ids import UserAddress
from zentalk.store.history import feed
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, transaction
from zentalk.wire.sync import MAX_PAGE_BYTES, RowChange, decode_rows

ALICE, BOB, LINK = (UserAddress(name * 32) for name in (b"a", b"b", b"l"))
SHOWN = {name: place.columns for name, place in feed.SYNCED.items()}


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Transaction]:
    with closing(open_database(tmp_path / "first.db", MIGRATIONS)) as connection:
        yield connection


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Transaction]:
    with closing(open_database(tmp_path / "replica.db", MIGRATIONS)) as connection:
        yield connection


def rows(tx: Transaction) -> dict[str, set[tuple[Any, ...]]]:
    """Return all rows that are in the feed."""
    found = {}
    for name, place in feed.SYNCED.items():
        where = f" WHERE {place.only}" if place.only else ""
        if place.person:
            where = f" WHERE {place.person} <> x'{LINK.hex()}'"
        found[name] = set(tx.execute(f"SELECT {SHOWN[name]} FROM {name}{where}").fetchall())
    return found


def follow(first: Transaction, replica: Transaction, pages: int = 1_000, size: int = 500) -> None:
    """Take some pages over."""
    for _ in range(pages):
        _, number = feed.cursor(replica)
        page = feed.page(first, number, size)
        if page.upto == number:
            return
        with transaction(replica) as tx:
            feed.apply(tx, decode_rows(page.rows))
            feed.set_cursor(tx, b"f" * 16, page.upto)


def link(tx: Transaction, *, at_once: bool = True) -> None:
    """Begin a feed, with every row noted `at_once` or by and by."""
    tx.execute(
        "INSERT INTO links (id, role, secret_hash, created_at, expires_at, address, feed)"
        " VALUES (x'01', 'replica', x'', 0, 0, ?, x'02')",
        (LINK,),
    )
    feed.begin(tx)
    if at_once:
        finish(tx)


def unlink(tx: Transaction) -> None:
    feed.end(tx)
    tx.execute("DELETE FROM links")


def finish(tx: Transaction) -> None:
    """Do all that a feed which began or ended has left to do."""
    while feed.has_steps(tx):
        feed.step(tx, 3)


def forget_all(tx: Transaction) -> None:
    while feed.reset(tx, 3):
        pass


def write(tx: Transaction, rng: random.Random) -> None:
    """Change something as a node might."""
    contact = rng.choice([ALICE, BOB, LINK])
    number = rng.randrange(6).to_bytes(16, "big")
    match rng.randrange(9):
        case 0:
            tx.execute(
                "INSERT INTO contacts (address, name, state, added_at, state_at)"
                " VALUES (?, ?, 'contact', ?, 0.5) ON CONFLICT DO UPDATE SET name = excluded.name",
                (contact, f"name {rng.random()}", rng.random()),
            )
        case 1 | 2:
            tx.execute(
                "INSERT OR IGNORE INTO messages (id, contact, author, direction, kind, text,"
                " content, state, sender_sequence, sent_at, stored_at)"
                " VALUES (?, ?, ?, 'in', 'text', ?, ?, 'received', 1, 1.5, 2)",
                (number, contact, contact, f"text {rng.random()}", rng.choice([None, b"raw"])),
            )
        case 3:
            tx.execute("UPDATE messages SET state = ? WHERE id = ?", (str(rng.random()), number))
        case 4:
            tx.execute("DELETE FROM messages WHERE id = ?", (number,))
        case 5:
            tx.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, x'', ?, ?)",
                (contact, contact, number, rng.choice(["pin", "edit"]), contact, rng.randbytes(3)),
            )
        case 6:
            tx.execute(
                "INSERT INTO outbox (message_id, contact, content, envelope, item_key, created_at,"
                " expires_at) VALUES (?, ?, x'01', x'02', x'03', 1, 2)",
                (number, contact),
            )
        case 7:
            tx.execute("DELETE FROM outbox WHERE message_id = ?", (number,))
            tx.execute("INSERT INTO events (type, at, data) VALUES ('x', 1.25, '{}')")
        case 8:
            key = rng.choice([*feed.SYNCED_SETTINGS, "network-state"])
            tx.execute("REPLACE INTO settings VALUES (?, ?)", (key, rng.randbytes(4)))


def anything(first: Transaction, replica: Transaction, rng: random.Random, what: str) -> None:
    """Do one thing of those that happen to two linked nodes, in any order and number."""
    match what:
        case "write":
            write(first, rng)
        case "page":
            follow(first, replica, pages=1, size=rng.choice([1, 200, 2_000]))
        case "step" if feed.has_steps(first):
            feed.step(first, rng.choice([1, 2, 5]))
        case "crash":
            first.execute("BEGIN")
            feed.step(first, 2)
            first.execute("ROLLBACK")
        case "link anew":
            unlink(first)
            for _ in range(rng.randrange(4)):
                write(first, rng)
                feed.step(first, 1)
            forget_all(replica)
            feed.stop_following(replica)
            link(first, at_once=False)


HAPPENINGS = st.lists(
    st.sampled_from(["write", "write", "page", "step", "step", "crash", "link anew"]), max_size=60
)


@settings(deadline=None)
@given(st.integers(0, 2**32), HAPPENINGS)
def test_after_any_changes_and_any_pages_the_rows_are_equal(seed: int, steps: list[str]) -> None:
    rng = random.Random(seed)
    with (
        closing(open_database_in_memory()) as first,
        closing(open_database_in_memory()) as replica,
    ):
        for _ in range(rng.randrange(20)):
            write(first, rng)
        link(first, at_once=False)
        for what in steps:
            anything(first, replica, rng, what)
        finish(first)
        follow(first, replica)
        assert rows(first) == rows(replica)
        assert feed.cursor(replica)[1] == feed.head(first), "nothing waits for a number in vain"
        assert replica.execute(
            "SELECT count(*) FROM contacts WHERE address = ?", (LINK,)
        ).fetchone() == (0,)
        assert "network-state" not in {
            row[0] for row in replica.execute("SELECT key FROM settings")
        }


def events_at(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.execute("SELECT seq FROM events ORDER BY seq")]


def while_the_first_copy_is_on_its_way(first: Transaction, replica: Transaction) -> list[int]:
    """Write in the middle of it; return what is at the replica once it has the number of that."""
    for _ in range(20):
        first.execute("INSERT INTO events (type, at, data) VALUES ('x', 1, '{}')")
    link(first, at_once=False)
    feed.step(first, 5)
    first.execute("INSERT INTO events (type, at, data) VALUES ('new', 1, '{}')")
    number = feed.head(first)
    while feed.cursor(replica)[1] < number:
        follow(first, replica)
        feed.step(first, 5)
    return events_at(replica)


def test_whoever_has_a_number_has_all_that_was_there_when_it_was_the_last(
    first: Transaction, replica: Transaction
) -> None:
    assert while_the_first_copy_is_on_its_way(first, replica) == list(range(1, 22))


def test_control_if_pages_may_pass_what_is_not_noted_yet_rows_are_missing(
    first: Transaction, replica: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "noted", feed.head)
    assert len(while_the_first_copy_is_on_its_way(first, replica)) < 21
    finish(first)
    follow(first, replica)
    assert rows(first) != rows(replica), "and they never come"


def test_a_feed_begins_and_ends_in_short_transactions(first: Transaction) -> None:
    for _ in range(50):
        first.execute("INSERT INTO events (type, at, data) VALUES ('x', 1, '{}')")

    def noted_rows() -> int:
        return int(first.execute("SELECT count(*) FROM sync_changes").fetchone()[0])

    link(first, at_once=False)
    began = noted_rows()
    feed.step(first, 10)
    assert (began, noted_rows()) == (1, 11)
    finish(first)
    feed.step(first, 10)
    assert noted_rows() == 51, "what is noted stays while somebody follows"
    unlink(first)
    feed.step(first, 10)
    assert noted_rows() == 41
    finish(first)
    assert noted_rows() == 0


def open_database_in_memory() -> Transaction:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    return connection


def test_control_without_the_triggers_the_rows_differ(
    first: Transaction, replica: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "arm", lambda _tx: None)
    link(first)
    rng = random.Random(1)
    for _ in range(20):
        write(first, rng)
    follow(first, replica)
    assert rows(first) != rows(replica)


def test_what_changed_ten_times_goes_out_once(first: Transaction) -> None:
    link(first)
    before = feed.head(first)
    for number in range(10):
        first.execute("REPLACE INTO settings VALUES ('term', ?)", (bytes([number]),))
    page = feed.page(first, 0)
    assert feed.head(first) == page.upto == before + 10
    [change] = decode_rows(page.rows)
    assert change.cells == {"key": "term", "value": b"\x09"}


def test_the_longest_rows_fit_a_page(first: Transaction, replica: Transaction) -> None:
    link(first)
    first.execute(
        "INSERT INTO messages (id, contact, author, direction, kind, text, content, state,"
        " sender_sequence, sent_at, stored_at) VALUES (x'01', ?, ?, 'in', 'text', ?, ?, 'received',"
        " 1, 1, 1)",
        (ALICE, ALICE, "x" * 65_536, bytes(66_560)),
    )
    first.execute(
        "INSERT INTO events (type, at, data) VALUES ('message.received', 1, ?)",
        ("\\u0001" * 65_536,),
    )
    assert all(len(feed.page(first, after).rows) <= MAX_PAGE_BYTES for after in (0, 1))
    follow(first, replica)
    assert rows(first) == rows(replica)


def test_numbers_go_on_when_a_feed_begins_anew(first: Transaction) -> None:
    link(first)
    first.execute("INSERT INTO events (type, at, data) VALUES ('x', 1, '{}')")
    before = feed.head(first)
    unlink(first)
    finish(first)
    first.execute("INSERT INTO events (type, at, data) VALUES ('y', 1, '{}')")
    assert feed.page(first, 0).rows == b""
    link(first)
    page = feed.page(first, before)
    assert {(one.place, one.key) for one in decode_rows(page.rows)} == {
        ("events", b"1".hex()),
        ("events", b"2".hex()),
        ("settings", b"term".hex().upper()),
    }
    assert page.upto == feed.head(first) > before


def test_every_table_is_in_the_feed_or_said_not_to_be(first: Transaction) -> None:
    tables = {
        row[0]
        for row in first.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if not row[0].startswith(("sqlite_", "search"))
    }
    assert tables == feed.SYNCED.keys() | feed.LOCAL, "name the new table in feed.py"


@pytest.mark.parametrize(
    "change",
    [
        RowChange("ratchets", "00", {"ratchet_id": b"\0"}),
        RowChange("sqlite_schema", "00", None),
        RowChange("chats", "00", {"contact": b"\0", "seen": 1}),
        RowChange("chats", "00", {"draft": "no key"}),
        RowChange("chats", "zz", None),
        RowChange("chats", "00.00", None),
        RowChange("messages", "ff", None),
    ],
)
def test_a_page_changes_nothing_else(replica: Transaction, change: RowChange) -> None:
    with pytest.raises(RemoteProtocolError):
        feed.apply(replica, [change])


def test_a_replica_that_begins_anew_forgets_what_it_followed(
    first: Transaction, replica: Transaction
) -> None:
    link(first)
    rng = random.Random(2)
    for _ in range(40):
        write(first, rng)
    follow(first, replica)
    replica.execute("REPLACE INTO settings VALUES ('network-state', x'01')")
    forget_all(replica)
    assert not any(rows(replica).values())
    assert replica.execute("SELECT count(*) FROM settings").fetchone()[0] >= 1

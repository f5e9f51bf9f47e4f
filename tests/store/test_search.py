"""Searches: words, phrases and beginnings, by conversation and time; and what deletion leaves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zentalk.errors import LocalProtocolError
from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import contacts, messages, profiles, search
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.history.search import Wanted
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.chat import Profile

BOB, CAROL = UserAddress(b"b" * 32), UserAddress(b"c" * 32)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def add(tx: sqlite3.Connection, text: str, contact: UserAddress = BOB, at: float = 0.0) -> int:
    number = tx.execute("SELECT count(*) FROM messages").fetchone()[0]
    line = messages.insert(
        tx,
        message_id=MessageId(number.to_bytes(16, "big")),
        contact=contact,
        direction=Direction.IN,
        kind="text",
        text=text,
        state=MessageState.RECEIVED,
        sender_sequence=1,
        sent_at=at,
        now=at,
    )
    assert line is not None
    return line.seq


def found(tx: sqlite3.Connection, query: str, limit: int = 10, **more: object) -> list[str]:
    wanted = Wanted(query, **more)  # type: ignore[arg-type]  # each test names its own fields
    return [line.text for line in search.find(tx, wanted, limit)]


def test_words_phrases_and_beginnings(tx: sqlite3.Connection) -> None:
    for text in ("Green tea for two", "tea that is green", "Grüner Tee", "coffee"):
        add(tx, text)
    assert found(tx, "tea") == ["tea that is green", "Green tea for two"]
    assert found(tx, "TEA green") == ["tea that is green", "Green tea for two"]
    assert found(tx, '"green tea"') == ["Green tea for two"]
    assert found(tx, "gru*") == ["Grüner Tee"]
    assert found(tx, "gru") == []
    assert found(tx, "tea coffee") == []


@pytest.mark.parametrize(
    "query", ['"', "a OR b", "text : x", "NEAR(a b)", "-a", "a^2", "(", "*a*", "a\0b"]
)
def test_nothing_that_is_typed_is_syntax(tx: sqlite3.Connection, query: str) -> None:
    add(tx, "a b or near text x 2")
    with suppress(LocalProtocolError):
        found(tx, query)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_an_error_of_the_database(tx: sqlite3.Connection, query: str) -> None:
    with suppress(LocalProtocolError):
        found(tx, query)


@pytest.mark.parametrize("query", ["", "  ", "***", "!?", "a " * 17, "a" * 257])
def test_a_search_has_some_words_and_not_too_many(tx: sqlite3.Connection, query: str) -> None:
    with pytest.raises(LocalProtocolError):
        found(tx, query)


def test_by_conversation_time_and_page(tx: sqlite3.Connection) -> None:
    seqs = [add(tx, f"tea {n}", (BOB, CAROL)[n % 2], at=float(n)) for n in range(6)]
    assert found(tx, "tea", contact=CAROL) == ["tea 5", "tea 3", "tea 1"]
    assert found(tx, "tea", since=4.0) == ["tea 5", "tea 4"]
    assert found(tx, "tea", until=2.0) == ["tea 1", "tea 0"]
    assert found(tx, "tea", since=9.0) == []
    assert found(tx, "tea", 2) == ["tea 5", "tea 4"]
    assert found(tx, "tea", 2, before=seqs[4]) == ["tea 3", "tea 2"]
    assert found(tx, BOB.hex()) == []


def test_the_index_follows_edits_and_deletions(tx: sqlite3.Connection) -> None:
    seq = add(tx, "gossamer tea")
    tx.execute("UPDATE messages SET text = 'velvet tea' WHERE seq = ?", (seq,))
    assert found(tx, "gossamer") == []
    assert found(tx, "velvet") == ["velvet tea"]
    tx.execute("UPDATE messages SET hidden = 1 WHERE seq = ?", (seq,))
    assert found(tx, "velvet") == []
    tx.execute("UPDATE messages SET hidden = 0 WHERE seq = ?", (seq,))
    tx.execute("DELETE FROM messages")
    assert found(tx, "velvet") == []


@pytest.mark.parametrize("scrubbed", [True, False])
def test_deleted_words_leave_the_file_once_it_is_scrubbed(tmp_path: Path, scrubbed: bool) -> None:
    path = tmp_path / "history.db"
    with closing(open_database(path, MIGRATIONS)) as tx:
        tx.execute("PRAGMA secure_delete = ON")
        with transaction(tx):
            add(tx, "gossamer")
            add(tx, "tea")
        with transaction(tx):
            tx.execute("DELETE FROM messages WHERE text = 'gossamer'")
        if scrubbed:
            with transaction(tx):
                search.scrub(tx)
        tx.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = b"gossamer" in path.read_bytes()
    assert left is not scrubbed


def test_people_and_groups_are_found_by_the_beginnings_of_their_names(
    tx: sqlite3.Connection,
) -> None:
    group, gone, plain = (UserAddress(bytes([one]) * 32) for one in b"gxp")
    for address, name, state in (
        (BOB, "Bob Müller", ContactState.CONTACT),
        (CAROL, "Carol", ContactState.REQUEST),
        (group, "Müller & friends", ContactState.GROUP),
        (gone, "Bob gone", ContactState.REMOVED),
        (plain, "", ContactState.CONTACT),
    ):
        contacts.insert(tx, address, name, state, 0.0)
    profiles.put(tx, plain, Profile(1, "Robin", "", b""))

    def named(query: str, limit: int = 9) -> set[str]:
        return {one.name for one in search.names(tx, query, limit)}

    assert named("mul") == {"Bob Müller", "Müller & friends"}
    assert named("mul*") == named('"MÜL"') == named("mul")
    assert named("bob mu") == {"Bob Müller"}
    assert named("rob") == {"Robin"}
    assert named("ob") == named("bob carol") == set()
    assert len(named("mul", 1)) == 1
    assert {one.group for one in search.names(tx, "friends", 9)} == {True}

"""The kept last line of each conversation: always what looking through the messages would find."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.chat.marks import Signed
from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import contacts, erasing, forgetting, later_schema, marks, messages
from zentalk.store.history.models import Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database
from zentalk.wire.chat import Deletion, Edit, MessageTarget
from zentalk.wire.text import format_address

PEOPLE = UserAddress(b"b" * 32), UserAddress(b"c" * 32)
TRIGGERS = ("messages_last", "messages_last_deleted", "messages_last_changed")
RECOMPUTED = (
    "SELECT c.address, substr(m.text, 1, 256), m.sent_at, c.unread FROM contacts c"
    " JOIN messages m ON m.seq = (SELECT max(seq) FROM messages WHERE contact = c.address"
    " AND hidden = 0 AND kind <> 'ratchet-renewed') ORDER BY m.seq DESC"
)


class Step(NamedTuple):
    """Something that changes messages; `number` gives the id of one."""

    what: str
    contact: UserAddress
    number: int = 0
    text: str = ""
    kind: str = "text"

    @property
    def target(self) -> MessageTarget:
        """What names the message."""
        return MessageTarget(self.contact, MessageId(bytes([self.number]) * 16))


steps = st.builds(
    Step,
    st.sampled_from(("add", "add", "add", "edit", "take back", "erase", "clear")),
    st.sampled_from(PEOPLE),
    st.integers(0, 5),
    st.text(max_size=300),
    st.sampled_from(("text", "poll", RATCHET_RENEWED)),
)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def people_in(tx: sqlite3.Connection) -> None:
    for address in PEOPLE:
        tx.execute(
            "INSERT INTO contacts (address, name, state, added_at, state_at)"
            " VALUES (?, '', 'contact', 0, 0)",
            (address,),
        )


def add(tx: sqlite3.Connection, contact: UserAddress, number: int, text: str, kind: str) -> None:
    messages.insert(
        tx,
        message_id=MessageId(bytes([number]) * 16),
        contact=contact,
        direction=Direction.IN,
        kind=kind,
        text=text,
        state=MessageState.RECEIVED,
        sender_sequence=1,
        sent_at=float(number),
        now=0.0,
    )


def add_earlier(
    tx: sqlite3.Connection, contact: UserAddress, number: int, text: str, kind: str
) -> None:
    """Add a message as versions did that knew fewer columns."""
    tx.execute(
        "INSERT INTO messages (id, contact, author, direction, kind, text, state, sender_sequence,"
        " sent_at, stored_at) VALUES (?1, ?2, ?2, 'in', ?3, ?4, 'received', 1, ?5, 0)",
        (bytes([number]) * 16, contact, kind, text, float(number)),
    )


def do(tx: sqlite3.Connection, step: Step) -> None:
    contact, target = step.contact, step.target
    match step.what:
        case "add":
            add(tx, contact, step.number, step.text, step.kind)
        case "edit":
            marks.put(tx, contact, Signed(contact, Edit(target, 1, step.text)))
            marks.write_into_line(tx, contact, target)
        case "take back":
            marks.put(tx, contact, Signed(contact, Deletion(target, 1)))
            marks.write_into_line(tx, contact, target)
        case "erase":
            erasing.erase(tx, contact, target)
        case "clear":
            forgetting.conversation(tx, contact)


def listed(tx: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [
        (line.address, line.last_text, line.last_at, line.unread)
        for line in contacts.conversations(tx)
    ]


def recomputed(tx: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [(format_address(row[0]), *row[1:]) for row in tx.execute(RECOMPUTED)]


@given(st.lists(steps, max_size=20))
def test_the_list_is_what_a_look_through_all_messages_finds(done: list[Step]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as tx:
        for script in MIGRATIONS:
            tx.executescript(script)
        people_in(tx)
        for step in done:
            do(tx, step)
            assert listed(tx) == recomputed(tx)


@pytest.mark.parametrize("missing", TRIGGERS)
def test_without_any_one_of_its_triggers_the_list_is_wrong(
    tx: sqlite3.Connection, missing: str
) -> None:
    tx.execute(f"DROP TRIGGER {missing}")
    people_in(tx)
    wrong = 0
    for step in (
        Step("add", PEOPLE[0], 1, "one"),
        Step("add", PEOPLE[0], 2, "two"),
        Step("edit", PEOPLE[0], 2, "zwei"),
        Step("erase", PEOPLE[0], 2),
        Step("clear", PEOPLE[0]),
    ):
        do(tx, step)
        wrong += listed(tx) != recomputed(tx)
    assert wrong


def test_the_list_reads_no_messages(tx: sqlite3.Connection) -> None:
    read: list[str] = []
    tx.set_trace_callback(read.append)
    contacts.conversations(tx)
    tx.set_trace_callback(None)
    plan = [row[3] for row in tx.execute(f"EXPLAIN QUERY PLAN {read[0]}")]
    assert any(step == "SCAN l" for step in plan)
    assert not any("messages" in step for step in plan)


def test_a_history_of_before_is_listed_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = MIGRATIONS.index(later_schema._V13)
    with closing(open_database(path, MIGRATIONS[:before])) as earlier:
        people_in(earlier)
        add_earlier(earlier, PEOPLE[0], 1, "one", "text")
        add_earlier(earlier, PEOPLE[1], 2, "t" * 300, "text")
        add_earlier(earlier, PEOPLE[0], 3, "", RATCHET_RENEWED)
        expected = recomputed(earlier)
    with closing(open_database(path, MIGRATIONS)) as tx:
        assert len(expected) == 2
        assert listed(tx) == expected


def test_a_start_looks_at_no_message_that_has_an_author(tx: sqlite3.Connection) -> None:
    read: list[str] = []
    tx.set_trace_callback(read.append)
    messages.adopt(tx, PEOPLE[0])
    tx.set_trace_callback(None)
    (query,) = (text for text in read if text.startswith("UPDATE"))
    plan = [row[3] for row in tx.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any("messages_without_author" in step for step in plan)

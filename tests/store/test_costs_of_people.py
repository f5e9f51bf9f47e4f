"""What concerns one person costs no more in a long history than in a short one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.store.history import (
    contacts,
    events,
    forgetting,
    group_members,
    group_schema,
    group_sends,
    messages,
)
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database
from zentalk.wire.text import format_address

ANN, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
CREW = GroupId(b"g" * 32)
MANY = 3_000


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")


def steps(tx: sqlite3.Connection, job: Callable[[sqlite3.Connection], object]) -> int:
    """Return in how many hundreds of instructions SQLite does a job."""
    done = 0

    def count() -> int:
        nonlocal done
        done += 1
        return 0

    tx.set_progress_handler(count, 100)
    try:
        job(tx)
    finally:
        tx.set_progress_handler(None, 0)
    return done


def ours(number: int) -> MessageId:
    return MessageId(number.to_bytes(16, "big"))


def say(tx: sqlite3.Connection, numbers: range) -> None:
    """Let us say lines in the group, which are delivered to Bob."""
    for number in numbers:
        stored = messages.insert(
            tx,
            message_id=ours(number),
            contact=UserAddress(CREW),
            author=ANN,
            direction=Direction.OUT,
            kind="text",
            text="hello",
            content=None,
            state=MessageState.SENT,
            sender_sequence=number,
            sent_at=float(number),
            now=float(number),
            confirmed=True,
        )
        assert stored is not None
        group_sends.add(tx, CREW, ours(number), b"", [BOB], 1.0, is_line=True)
        group_sends.set_state(tx, ours(number), BOB, MessageState.DELIVERED, 2.0)


def look(tx: sqlite3.Connection, number: int) -> list[MessageId]:
    """Let Bob look at a line of ours, and tell what he has read by that."""
    found = group_sends.seen_by(tx, CREW, BOB, ours(number))
    for one in found:
        group_sends.set_state(tx, one, BOB, MessageState.READ, 3.0)
    return found


def test_a_receipt_in_a_group_costs_what_is_newly_read(tx: sqlite3.Connection) -> None:
    group_members.put(tx, CREW, [(BOB, True, None)])
    say(tx, range(1, 11))
    assert look(tx, 8) == [ours(number) for number in range(1, 9)]
    few = steps(tx, lambda tx: look(tx, 10))
    say(tx, range(11, MANY))
    look(tx, MANY - 3)
    assert steps(tx, lambda tx: look(tx, MANY - 1)) <= few + 1
    assert steps(tx, lambda tx: look(tx, 5)) <= few + 1
    assert tx.execute("SELECT seen_seq FROM group_members").fetchone() == (MANY - 1,)


def test_what_was_delivered_later_than_it_was_named_is_read(tx: sqlite3.Connection) -> None:
    group_members.put(tx, CREW, [(BOB, True, None)])
    say(tx, range(1, 4))
    tx.execute("UPDATE group_deliveries SET state = 'sent' WHERE message_id <> ?", (ours(1),))
    assert look(tx, 3) == [ours(1), ours(3)], "nobody has confirmed the second"
    assert group_sends.is_seen(tx, ours(2), BOB)
    assert look(tx, 1) == []


def told_of(tx: sqlite3.Connection, count: int) -> None:
    for number in range(count):
        someone = format_address(UserAddress(number.to_bytes(32, "big")))
        events.append(tx, "contact.requested", 1.0, {"address": someone})


@pytest.mark.parametrize("is_control", [False, True])
def test_forgetting_a_name_costs_what_was_told_of_it(
    tx: sqlite3.Connection, is_control: bool
) -> None:
    def forget(tx: sqlite3.Connection) -> None:
        contacts.insert(tx, BOB, "Bob", ContactState.REQUEST, 1.0)
        events.append(tx, "contact.requested", 1.0, {"address": format_address(BOB)})
        forgetting.person(tx, BOB)

    if is_control:
        tx.execute("DROP INDEX events_of_people")
    few = steps(tx, forget)
    told_of(tx, MANY)
    assert (steps(tx, forget) <= few + 10) is not is_control
    assert tx.execute("SELECT count(*) FROM events").fetchone() == (MANY,)


def test_whether_somebody_is_known_costs_no_look_at_others(tx: sqlite3.Connection) -> None:
    group_members.put(
        tx, CREW, [(UserAddress(n.to_bytes(32, "big")), False, None) for n in range(MANY)]
    )
    assert steps(tx, lambda tx: group_members.is_known(tx, BOB)) <= 1


def test_who_was_never_verified_warns_of_no_earlier_key(tmp_path: Path) -> None:
    """In histories of before, a term was compared only with that of a verified contact."""
    path = tmp_path / "history.db"
    before = MIGRATIONS.index(group_schema.BY_PERSON)
    with closing(open_database(path, MIGRATIONS[:before])) as earlier:
        for address, verified_at in ((ANN, None), (BOB, 5.0)):
            contacts.insert(earlier, address, "", ContactState.CONTACT, 1.0)
            earlier.execute(
                "UPDATE contacts SET term = 2, verified_at = ? WHERE address = ?",
                (verified_at, address),
            )
    with closing(open_database(path, MIGRATIONS)) as tx:
        terms = dict(tx.execute("SELECT address, verified_term FROM contacts").fetchall())
    assert terms == {ANN: 2, BOB: 0}

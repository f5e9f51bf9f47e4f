"""What the node of a contact is told of a conversation: how many messages it lacks, and which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import messages
from zentalk.store.history.models import Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database

ALICE, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def add(
    tx: Transaction, contact: UserAddress, direction: Direction, state: MessageState, number: int
) -> None:
    name = f"{direction} {number}".encode().ljust(16)
    messages.insert(
        tx,
        message_id=MessageId(name),
        contact=contact,
        author=contact,
        direction=direction,
        kind="text",
        text="",
        state=state,
        sender_sequence=number,
        sent_at=0.0,
        now=0.0,
        confirmed=True,
    )


def test_all_that_was_confirmed_is_counted_and_the_last_numbers_are_named(tx: Transaction) -> None:
    for number in (5, 1, 4, 2):
        add(tx, ALICE, Direction.OUT, MessageState.DELIVERED, number)
    add(tx, ALICE, Direction.OUT, MessageState.READ, 3)
    add(tx, ALICE, Direction.OUT, MessageState.SENT, 6)
    add(tx, ALICE, Direction.IN, MessageState.RECEIVED, 7)
    add(tx, BOB, Direction.OUT, MessageState.DELIVERED, 8)
    assert messages.delivered_after(tx, ALICE, 1, 3) == (4, (3, 4, 5))
    assert messages.delivered_after(tx, ALICE, 3, 3) == (2, (4, 5))
    assert messages.delivered_after(tx, ALICE, 5, 3) == (0, ())


def test_what_came_from_a_number_on_is_counted_and_numbers_begin_with_1(tx: Transaction) -> None:
    for number in (2, 3, 1, 0):
        add(tx, ALICE, Direction.IN, MessageState.RECEIVED, number)
    add(tx, ALICE, Direction.OUT, MessageState.DELIVERED, 9)
    assert messages.received_from(tx, ALICE, 2) == (2, 3)
    assert messages.received_from(tx, ALICE, 0) == (3, 3)
    assert messages.received_from(tx, ALICE, 4) == (0, 0)

"""Numbers of imported messages: by time, free, in order, and below all others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import imported, messages
from zentalk.store.history.models import Direction, MessageState
from zentalk.store.history.schema import MIGRATIONS

BOB = UserAddress(b"b" * 32)


@pytest.fixture
def tx() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for script in MIGRATIONS:
            connection.executescript(script)
        yield connection


def put(tx: sqlite3.Connection, place: int) -> int:
    messages.insert(
        tx, message_id=MessageId(abs(place).to_bytes(16, "big")), contact=BOB,
        direction=Direction.IN, kind="text", text="x", state=MessageState.RECEIVED,
        sender_sequence=0, sent_at=0.0, now=0.0, seq=place,
    )  # fmt: skip
    return place


def test_a_later_time_has_a_higher_number_and_gives_itself_back(tx: sqlite3.Connection) -> None:
    times = [0.0, 0.001, 1.0, 1_800_000_000.123, 4_000_000_000.0]
    places = [imported.place_after(tx, at, None) for at in times]
    assert places == sorted(places)
    assert all(imported.FIRST <= place < 0 for place in places)
    assert [imported.time_of(place) for place in places] == times


def test_of_one_time_each_has_a_number_of_its_own(tx: sqlite3.Connection) -> None:
    places = [put(tx, imported.place_after(tx, 7.0, None)) for _ in range(4_200)]
    assert len(set(places)) == len(places)
    assert places == sorted(places)
    assert imported.time_of(places[-1]) == 7.002  # two milliseconds were full


def test_it_follows_what_stands_before_it_whatever_its_own_time(tx: sqlite3.Connection) -> None:
    first = put(tx, imported.place_after(tx, 9.0, None))
    second = imported.place_after(tx, 3.0, first)
    assert second == first + 1
    assert imported.time_of(second) == 9.0


def test_what_comes_after_an_import_is_numbered_from_1_as_ever(tx: sqlite3.Connection) -> None:
    put(tx, imported.place_after(tx, 9.0, None))
    line = messages.insert(
        tx, message_id=MessageId(b"n" * 16), contact=BOB, direction=Direction.IN, kind="text",
        text="x", state=MessageState.RECEIVED, sender_sequence=0, sent_at=0.0, now=0.0,
    )  # fmt: skip
    assert line is not None
    assert line.seq == 1

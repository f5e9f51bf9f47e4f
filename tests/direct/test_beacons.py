"""Beacons: for whom, when, what a stranger sees of them, and which of them count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.direct.near_support import WALL, address, seals
from zentalk.direct.beacons import (
    FIRST_PAUSES,
    PAUSE_SECONDS,
    SEEN_OF_ONE,
    SLOT_SECONDS,
    BeaconReader,
    BeaconTimes,
    BeaconTurns,
    make_beacon,
    slot_at,
)
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.beacon import BEACON_BYTES, ENTRIES, MAX_SLOT, Beacon, decode_beacon

HERE = "192.168.1.2"
PEOPLE = [f"person {number}" for number in range(ENTRIES)]


def made(contacts: Sequence[str], nonce: bytes = b"n" * 16, wall: float = WALL) -> Beacon:
    """A beacon of alice."""
    pairs = [seals("alice", one) for one in contacts]
    entropy = seeded_entropy(b"beacon" + nonce)
    data = make_beacon(pairs, (slot_at(wall), nonce), (HERE, 40_000), entropy)
    assert len(data) == BEACON_BYTES
    return decode_beacon(data)


def known_to(name: str, reader: BeaconReader, beacon: Beacon, wall: float = WALL) -> bool:
    return (
        reader.recognise(beacon, HERE, {address("alice"): seals(name, "alice")}, wall) is not None
    )


@given(st.integers(0, ENTRIES))
def test_each_contact_of_a_beacon_knows_it_and_nobody_else(count: int) -> None:
    beacon = made(PEOPLE[:count])
    for number, name in enumerate(PEOPLE):
        assert known_to(name, BeaconReader(), beacon) == (number < count)
    assert not known_to("mallory", BeaconReader(), beacon)


def test_a_stranger_sees_as_many_entries_whatever_is_in_them_and_none_twice() -> None:
    seen = [
        entry
        for number, count in enumerate((0, 1, ENTRIES, 1))
        for entry in made(PEOPLE[:count], bytes([number]) * 16).entries
    ]
    assert len(set(seen)) == len(seen) == 4 * ENTRIES


def test_the_place_of_an_entry_says_nothing() -> None:
    at = Counter(
        entries.index(seals("alice", "bob").entry(slot_at(WALL), nonce, HERE, 40_000))
        for nonce in (number.to_bytes(16, "big") for number in range(400))
        for entries in [made(["bob"], nonce).entries]
    )
    assert len(at) == ENTRIES
    assert max(at.values()) < 4 * 400 / ENTRIES


@given(st.floats(-4 * SLOT_SECONDS, 4 * SLOT_SECONDS))
def test_a_beacon_counts_in_its_slot_and_those_beside_it(later: float) -> None:
    beacon, wall = made(["bob"]), WALL + later
    is_near = abs(slot_at(wall) - slot_at(WALL)) <= 1
    assert known_to("bob", BeaconReader(), beacon, wall) == is_near


def test_a_beacon_counts_once() -> None:
    reader = BeaconReader()
    assert known_to("bob", reader, made(["bob"]))
    assert not known_to("bob", reader, made(["bob"]))
    assert known_to("bob", reader, made(["bob"], b"o" * 16))


def test_control_if_nothing_were_remembered_it_would_count_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BeaconReader, "_is_new", lambda *_: True)
    reader = BeaconReader()
    assert known_to("bob", reader, made(["bob"]))
    assert known_to("bob", reader, made(["bob"]))


def test_a_contact_that_floods_makes_nothing_forgotten_that_still_counts() -> None:
    reader, first = BeaconReader(), made(["bob"])
    assert known_to("bob", reader, first)
    counted = sum(
        known_to("bob", reader, made(["bob"], number.to_bytes(16, "big")))
        for number in range(SEEN_OF_ONE + 10)
    )
    assert counted == SEEN_OF_ONE - 1
    assert not known_to("bob", reader, first)
    later = WALL + 3 * SLOT_SECONDS
    assert known_to("bob", reader, made(["bob"], b"l" * 16, later), later)


def test_who_is_no_contact_any_more_is_forgotten() -> None:
    reader = BeaconReader()
    assert known_to("bob", reader, made(["bob"]))
    reader.forget_others({})
    assert known_to("bob", reader, made(["bob"]))


@given(st.integers(0, 2**32))
def test_beacons_come_soon_after_each_other_at_first_and_then_at_a_bounded_rate(seed: int) -> None:
    times = BeaconTimes(seeded_entropy(seed.to_bytes(8, "big")), 100.0)
    sent, now = list[float](), 100.0
    for _ in range(40):
        assert times.take(now)
        sent.append(now)
        assert not times.take(now)
        now = times.next_at
    pauses = [later - earlier for earlier, later in pairwise(sent)]
    usual = [*FIRST_PAUSES, *[PAUSE_SECONDS] * (len(pauses) - len(FIRST_PAUSES))]
    for pause, seconds in zip(pauses, usual, strict=True):
        assert 0.75 * seconds <= pause < 1.25 * seconds
    assert len({round(pause, 3) for pause in pauses[len(FIRST_PAUSES) :]}) > 10, "not in step"


@given(st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=60))
def test_everybody_has_a_turn(people: set[bytes]) -> None:
    turns, contacts = BeaconTurns(), [UserAddress(one) for one in people]
    rounds = -(-len(contacts) // ENTRIES)
    seen = Counter(one for _ in range(rounds) for one in turns.take(contacts))
    assert set(seen) == set(contacts)
    assert max(seen.values()) <= 2


def test_a_beacon_without_anybody_is_drawn() -> None:
    assert BeaconTurns().take([]) == []
    assert len(made([]).entries) == ENTRIES


def test_the_slot_fits_its_field_for_ever() -> None:
    assert slot_at(1e15) <= MAX_SLOT

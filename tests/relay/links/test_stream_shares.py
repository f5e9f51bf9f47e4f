"""Who gets a stream at a relay that is full, with the control without shares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.stream_holders import Principal, StreamSlot
from zentalk.relay.links.stream_shares import (
    NEIGHBOUR_SHARE,
    SOURCE_SHARE,
    STREAM_BYTES,
    StreamShares,
)

MALLORY = Principal("192.0.2.1")
ALICE = Principal("198.51.100.1")
NEIGHBOUR = Principal("203.0.113.1", is_neighbour=True)
OTHER = Principal("203.0.113.2", is_neighbour=True)


@dataclass
class Room:
    """Shares of room for so many streams, and what was ended, oldest first."""

    room: int
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = MemoryBudget(2 * self.room * STREAM_BYTES)
        self.shares = StreamShares(self.budget)

    def open(self, principal: Principal, name: str = "", onward: str = "") -> StreamSlot | None:
        slot = self.shares.enter(principal, lambda: self.ended.append(name))
        if slot is not None and onward:
            self.shares.goes_on(slot, onward)
        return slot

    def fill(self, principal: Principal, count: int, name: str = "m") -> list[StreamSlot]:
        slots = [self.open(principal, f"{name}{number}") for number in range(count)]
        assert None not in slots
        return [slot for slot in slots if slot is not None]


def test_k43_streams_take_half_of_the_memory_and_no_more() -> None:
    relay = Room(100)
    relay.fill(MALLORY, 100)
    assert relay.open(MALLORY) is None
    assert relay.budget.used_bytes == relay.budget.total_bytes // 2


def test_k43_no_memory_is_enough_for_more_than_4096_streams() -> None:
    relay = Room(10_000)
    relay.fill(NEIGHBOUR, 4_096)
    assert relay.open(NEIGHBOUR) is None


def test_k43_a_clients_source_is_sure_of_8_streams_and_a_neighbour_of_64() -> None:
    relay = Room(100)
    assert relay.shares.share_of(MALLORY) == 8
    relay.fill(NEIGHBOUR, 1)
    relay.fill(OTHER, 1)
    assert relay.shares.share_of(NEIGHBOUR) == 64


def test_k43_whoever_is_within_its_share_gets_the_youngest_of_the_greediest() -> None:
    relay = Room(100)
    relay.fill(MALLORY, 100)
    for number in range(SOURCE_SHARE):
        assert relay.open(ALICE, f"a{number}") is not None
    assert relay.ended == [f"m{99 - number}" for number in range(SOURCE_SHARE)]
    assert relay.open(MALLORY) is None, "and cannot take it back"
    assert (relay.shares.count, relay.shares.evicted) == (100, SOURCE_SHARE)


def test_k43_control_without_shares_a_full_relay_is_closed_to_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StreamShares, "_evict", lambda *_: False)
    relay = Room(100)
    relay.fill(MALLORY, 100)
    assert relay.open(ALICE) is None


def test_k43_a_neighbours_link_is_sure_of_its_part_for_all_the_people_behind_it() -> None:
    relay = Room(400)
    relay.fill(NEIGHBOUR, 400)
    relay.fill(OTHER, 200)
    assert relay.open(OTHER) is None
    assert relay.shares.share_of(OTHER) == 200
    for number in range(SOURCE_SHARE):
        assert relay.open(Principal(f"c{number}")) is not None


def test_k43_many_neighbours_are_sure_of_the_least_share() -> None:
    relay = Room(100)
    for number in range(50):
        relay.open(Principal(number, is_neighbour=True))
    assert relay.shares.share_of(NEIGHBOUR) == NEIGHBOUR_SHARE


def test_k43_one_who_has_as_much_as_others_takes_nothing_from_them() -> None:
    """Else two would take the same place from each other for ever."""
    relay = Room(2)
    assert relay.open(ALICE) is not None
    assert relay.open(MALLORY) is not None
    assert relay.open(ALICE) is None
    assert relay.open(MALLORY) is None
    assert relay.ended == []


def test_k43_for_a_full_neighbour_only_what_goes_there_gives_way() -> None:
    relay = Room(100)
    for number in range(10):
        relay.open(MALLORY, f"m{number}", onward="r2" if number < 5 else "r3")
    mine = relay.open(ALICE, "a")
    assert mine is not None
    assert relay.shares.make_room_onward(mine, "r2")
    assert relay.ended == ["m4"]
    assert not relay.shares.make_room_onward(mine, "r4"), "nobody goes there"
    greedy = relay.open(MALLORY, "m10")
    assert greedy is not None
    assert not relay.shares.make_room_onward(greedy, "r2"), "nobody else has more"


def test_a_slot_is_given_back_once() -> None:
    relay = Room(1)
    (slot,) = relay.fill(ALICE, 1)
    relay.shares.leave(slot)
    relay.shares.leave(slot)
    assert (relay.shares.count, relay.budget.used_bytes) == (0, 0)


@given(st.lists(st.integers(0, 9), max_size=200))
def test_k43_with_as_many_sources_as_there_are_shares_all_have_theirs(who: list[int]) -> None:
    """Whoever asks for as much as it is sure of has got it, whatever the others do."""
    relay = Room(10 * SOURCE_SHARE)
    held: Counter[int] = Counter()
    relay.fill(Principal(0), 10 * SOURCE_SHARE)
    for number in who:
        wanted = held[number] < SOURCE_SHARE
        got = relay.open(Principal(number)) is not None
        assert got or not wanted or number == 0
        held[number] += got
    assert relay.shares.count == 10 * SOURCE_SHARE

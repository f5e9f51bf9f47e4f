"""Who has most streams, found without looking at everybody, is who a look at everybody finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zentalk.relay.links.stream_holders import Principal, StreamHolders, StreamSlot

PRINCIPALS = [
    *(Principal(f"192.0.2.{number}") for number in range(3)),
    *(Principal(f"203.0.113.{number}", is_neighbour=True) for number in range(2)),
]
NEIGHBOURS = ("east", "west")


def made(principal: Principal) -> StreamSlot:
    return StreamSlot(principal, lambda: None)


def youngest(slots: list[StreamSlot]) -> dict[Principal, StreamSlot]:
    return {slot.principal: slot for slot in slots}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_the_greediest_and_those_over_a_link_are_those_that_a_full_look_finds(
    steps: list[tuple[int, int]],
) -> None:
    holders, slots = StreamHolders(), list[StreamSlot]()
    for kind, number in steps:
        if kind < 6 or not slots:
            slots.append(made(PRINCIPALS[number % len(PRINCIPALS)]))
            holders.add(slots[-1])
        elif kind < 8:
            slot = slots[number % len(slots)]
            if slot.onward is None:
                holders.goes_on(slot, NEIGHBOURS[number % 2])
        else:
            slot = slots.pop(number % len(slots))
            assert holders.remove(slot)
            assert not holders.remove(slot)
    assert holders.count == len(slots)
    most = dict.fromkeys((False, True), 0)
    for principal in PRINCIPALS:
        held = sum(slot.principal == principal for slot in slots)
        assert holders.held(principal) == held
        most[principal.is_neighbour] = max(most[principal.is_neighbour], held)
    found = list(holders.greediest())
    assert [holders.held(slot.principal) for slot in found] == [
        count for count in most.values() if count
    ]
    assert all(youngest(slots)[slot.principal] is slot for slot in found)
    for neighbour in NEIGHBOURS:
        there = [slot for slot in slots if slot.onward == neighbour]
        assert {slot.principal for slot in holders.over(neighbour)} == set(youngest(there))
    assert holders.neighbours() == len({s.principal for s in slots if s.principal.is_neighbour})


def test_a_slot_that_was_taken_away_goes_nowhere() -> None:
    holders, slot = StreamHolders(), made(PRINCIPALS[0])
    holders.add(slot)
    holders.remove(slot)
    holders.goes_on(slot, "east")
    assert list(holders.over("east")) == []


def test_of_each_principal_the_last_that_went_on_comes_first_over_a_link() -> None:
    holders = StreamHolders()
    slots = [made(PRINCIPALS[0]) for _ in range(3)]
    for slot in slots:
        holders.add(slot)
        holders.goes_on(slot, "east")
    assert list(holders.over("east")) == [slots[-1]]
    holders.remove(slots[-1])
    assert list(holders.over("east")) == [slots[1]]
    for slot in slots[:-1]:
        holders.remove(slot)
    assert not holders._held
    assert not holders._onward, "nothing is left of neighbours that were used once"

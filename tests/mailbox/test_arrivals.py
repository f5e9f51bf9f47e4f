"""The list of arrivals alone: what it keeps, what gives way, and what a failed commit undoes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.mailbox.support import deposit_id
from zentalk.ids import DepositId
from zentalk.mailbox.arrivals import (
    PLACES_LARGE,
    Arrival,
    ArrivalList,
    ListChange,
    extra_bits,
    places_of,
)
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES

QUOTA = 10


def arrival(number: int, work: int = 0, places: int = 1) -> Arrival:
    return Arrival(deposit_id(number), work, places)


def numbers(found: ArrivalList) -> list[int]:
    """All that is listed, by number."""
    return sorted(int.from_bytes(one.deposit_id, "big") for one in found.giving_way(1000))


def test_a_large_envelope_is_sixteen_small_ones_and_costs_four_bits_more() -> None:
    assert ENVELOPE_LARGE_BYTES / ENVELOPE_SMALL_BYTES < 20
    assert places_of(ENVELOPE_SMALL_BYTES, 50) == 1
    assert places_of(ENVELOPE_LARGE_BYTES, 50) == PLACES_LARGE
    assert places_of(ENVELOPE_LARGE_BYTES, 12) == 12
    assert (extra_bits(1), extra_bits(PLACES_LARGE)) == (0, 4)


def test_the_least_work_gives_way_and_among_equals_the_newest() -> None:
    found = ArrivalList([arrival(1, 5), arrival(2, 3), arrival(3, 3), arrival(4, 9, 16)])
    assert found.places == 19
    assert found.giving_way(0) == ()
    assert found.giving_way(1) == (arrival(3, 3),)
    assert found.giving_way(4) == (arrival(3, 3), arrival(2, 3), arrival(1, 5), arrival(4, 9, 16))


def test_an_id_is_found_only_where_a_row_begins() -> None:
    """Rows are packed: the end of one and the begin of the next must not look like an id."""
    found = ArrivalList([Arrival(deposit_id(0), 0, 1), Arrival(deposit_id(0x0101), 1, 1)])
    packed = found._rows
    between = {DepositId(packed[at : at + 16]) for at in range(len(packed) - 15) if at % 18}
    assert not any(one in found for one in between - {deposit_id(0), deposit_id(0x0101)})
    assert deposit_id(0) in found
    assert deposit_id(0x0101) in found


def test_only_what_is_committed_and_still_listed_is_kept() -> None:
    found = ArrivalList()
    found.admit(arrival(1), 1)
    assert deposit_id(1) in found
    assert not found.is_kept(deposit_id(1))
    found.settle(deposit_id(1))
    assert found.is_kept(deposit_id(1))
    change = found.admit(arrival(2, 5), 1)
    assert change == ListChange(arrival(2, 5), (arrival(1),))
    assert not found.is_kept(deposit_id(1))


def test_what_a_failed_commit_displaced_is_listed_again() -> None:
    found = ArrivalList(arrival(number) for number in range(3))
    change = found.admit(arrival(7, 9), 3)
    assert numbers(found) == [0, 1, 7]
    assert found.undo(change, 3) == ()
    assert numbers(found) == [0, 1, 2]


def test_what_was_displaced_and_then_failed_does_not_come_back() -> None:
    found = ArrivalList([arrival(0)])
    first = found.admit(arrival(1, 5), 1)
    second = found.admit(arrival(2, 7), 1)
    assert found.undo(first, 1) == (arrival(0),), "another has its place: it leaves the store too"
    assert found.undo(second, 1) == ()
    assert numbers(found) == []
    assert (found._unsaved, found._lost) == ({}, frozenset())


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 20), st.sampled_from([1, 4]), st.booleans()),
        max_size=40,
    ),
    st.integers(0, 3),
)
def test_list_and_store_agree_whatever_commits_fail(
    deposits: list[tuple[int, int, int, bool]], lag: int
) -> None:
    """A store in miniature: changes commit in order, some fail, some are on their way."""
    found, store = ArrivalList(), dict[bytes, Arrival]()
    under_way: list[tuple[ListChange, bool]] = []

    def commit() -> None:
        change, fails = under_way.pop(0)
        if fails:
            for gone in found.undo(change, QUOTA):
                store.pop(gone.deposit_id, None)
                dropped.append(gone.deposit_id)
            return
        for gone in change.displaced:
            store.pop(gone.deposit_id, None)
        store[change.arrival.deposit_id] = change.arrival
        found.settle(change.arrival.deposit_id)

    dropped: list[bytes] = []
    for number, work, places, fails in deposits:
        if deposit_id(number) in found or found.is_undecided(deposit_id(number)):
            continue
        under_way.append((found.admit(arrival(number, work, places), QUOTA), fails))
        assert found.places <= QUOTA
        while len(under_way) > lag:
            commit()
    while under_way:
        commit()
    kept = {one.deposit_id for one in found.giving_way(1000)}
    assert all(found.is_kept(one) for one in kept)
    assert kept <= set(store), "what is acknowledged is there"
    assert set(store) <= kept | set(dropped), "and what waits is listed"

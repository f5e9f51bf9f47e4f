"""Where shards go, whom readers ask, and that no loss is claimed to be survived that is not."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.mesh import MIB, head_of
from zentalk.crypto.hashing import sha256
from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.mesh import placement
from zentalk.mesh.placement import (
    DATA_PIECES,
    HEAD,
    HEAD_COPIES,
    INDEX,
    NEAREST,
    Seen,
    ShardCandidate,
    ShardNumber,
    all_segments,
    choose,
    head_holders,
    head_reading_order,
    holder_of,
    lay_out,
    nearest,
    reading_order,
    slot_of,
    slots_each,
    survives_node_losses,
)
from zentalk.wire.head import PIECES

PLACE, HEAD_PLACE = sha256(b"shard place"), sha256(b"head place")


def node(number: int) -> NodeId:
    return NodeId(sha256(b"node %d" % number))


def relays(count: int, groups: int = 0) -> list[ShardCandidate]:
    """Return candidates; with groups, that many /24s of equal size."""
    return [
        ShardCandidate(node(number), frozenset({f"subnet {number % groups}"} if groups else ()))
        for number in range(count)
    ]


def placed(count: int, segments: int) -> dict[NodeId, set[ShardNumber]]:
    """Return what holders have of a file that was put into a network of so many relays."""
    layout = lay_out(PLACE, relays(count))
    seen: dict[NodeId, set[ShardNumber]] = {holder: set() for holder in layout.holders}
    for segment in range(segments):
        for piece in range(PIECES):
            number = ShardNumber(segment, piece)
            seen[layout.holders[layout.slots[slot_of(number)]]].add(number)
    for holder in head_holders(HEAD_PLACE, relays(count)):
        seen.setdefault(holder, set()).add(ShardNumber(HEAD, 0))
    return seen


# --- slots -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "survives"), [(1, 0), (2, 0), (3, 1), (5, 1), (8, 2), (15, 5), (30, 5)]
)
def test_so_many_holders_may_be_lost(count: int, survives: int) -> None:
    found = survives_node_losses([HEAD, *range(20)], placed(count, 20))
    assert found is not None
    assert found == survives


@given(st.integers(1, 40), st.integers(0, 12))
def test_slots_are_shared_out_and_groups_differ_as_far_as_they_can(count: int, groups: int) -> None:
    candidates = relays(count, groups)
    layout = lay_out(PLACE, candidates)
    assert len(layout.holders) == len(set(layout.holders)) == min(count, PIECES)
    assert sorted(set(layout.slots)) == list(range(len(layout.holders)))
    share = max(layout.slots.count(number) for number in set(layout.slots))
    assert share == slots_each(count)
    if groups:
        of = {one.node: one.groups for one in candidates}
        first = layout.holders[: min(groups, count, PIECES)]
        assert len({of[holder] for holder in first}) == len(first)


def test_each_holder_of_a_full_network_has_as_much_and_another_shard_of_each_segment() -> None:
    seen = placed(15, 15)
    shards = [{one for one in numbers if one.segment != HEAD} for numbers in seen.values()]
    assert [len(one) for one in shards] == [15] * 15
    assert all({number.piece for number in one} == set(range(15)) for one in shards)


def test_the_nearest_get_it_unless_a_chosen_one_is_of_their_group() -> None:
    ordered = [
        ShardCandidate(node(0), frozenset({"a", b"family"})),
        ShardCandidate(node(1), frozenset({"a"})),
        ShardCandidate(node(2), frozenset({"b", b"family"})),
        ShardCandidate(node(3)),
        ShardCandidate(node(4), frozenset({"c"})),
    ]
    assert [one.node for one in choose(ordered, 3)] == [node(0), node(3), node(4)]
    assert [one.node for one in choose(ordered, 4)] == [node(0), node(3), node(4), node(1)]
    assert [one.node for one in choose(ordered, 2, {"a", b"family"})] == [node(3), node(4)]


@given(st.binary(min_size=32, max_size=32), st.integers(1, 30))
def test_the_order_is_that_of_the_distance(place: bytes, count: int) -> None:
    found = [
        bytes(a ^ b for a, b in zip(place, one.node, strict=True))
        for one in nearest(place, relays(count))
    ]
    assert found == sorted(found)


def test_without_a_relay_that_stores_files_nothing_is_laid_out() -> None:
    with pytest.raises(UnavailableError, match="try again"):
        lay_out(PLACE, [])


# --- readers ---------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(-1, 14), st.integers(0, 14))
def test_a_reader_asks_the_holder_and_then_the_nearest_each_once(
    count: int, segment: int, piece: int
) -> None:
    head, number = head_of(5 * MIB, 7), ShardNumber(segment, piece)
    near = nearest(PLACE, relays(count))
    order = reading_order(head, number, near)
    assert order[0] == holder_of(head, number) == head.holders[(piece + max(0, segment)) % 15 % 7]
    assert order[1:] == [one.node for one in near[:NEAREST] if one.node != order[0]]


@given(st.integers(1, 60), st.integers(0, 5))
def test_whoever_got_a_head_is_asked_for_it_first(count: int, groups: int) -> None:
    candidates = relays(count, groups)
    order = head_reading_order(HEAD_PLACE, candidates)
    copies = head_holders(HEAD_PLACE, candidates)
    assert len(copies) == min(count, HEAD_COPIES)
    assert order[: len(copies)] == list(copies)
    assert len(order) == len(set(order)) <= NEAREST + HEAD_COPIES


@pytest.mark.parametrize(
    ("size", "index", "segments"), [(0, False, 1), (31 * MIB, False, 16), (33 * MIB, True, 17)]
)
def test_a_file_needs_all_its_segments_its_head_and_its_index(
    size: int, index: bool, segments: int
) -> None:
    found = list(all_segments(head_of(size)))
    assert found == [HEAD, *([INDEX] if index else []), *range(segments)]


# --- losses ----------------------------------------------------------------------------------


def is_left(segments: list[int], seen: Seen) -> bool:
    for segment in segments:
        pieces = {
            one.piece for numbers in seen.values() for one in numbers if one.segment == segment
        }
        if len(pieces) < (1 if segment == HEAD else DATA_PIECES):
            return False
    return True


def worst_case(segments: list[int], seen: Seen) -> int | None:
    """Try every choice of holders to lose."""
    for count in range(len(seen) + 1):
        for lost in combinations(seen, count):
            if not is_left(segments, {one: had for one, had in seen.items() if one not in lost}):
                return count - 1 if count else None
    return len(seen)


@st.composite
def sights(draw: st.DrawFn) -> dict[NodeId, set[ShardNumber]]:
    """Draw who is seen to have what, with duplicates and gaps."""
    holders = draw(st.integers(1, 8))
    seen: dict[NodeId, set[ShardNumber]] = {node(number): set() for number in range(holders)}
    least = draw(st.integers(0, min(2, holders)))
    at = st.sets(st.integers(0, holders - 1), min_size=least, max_size=3)
    for segment in (HEAD, 0, 1):
        for piece in range(1 if segment == HEAD else PIECES):
            for number in draw(at):
                seen[node(number)].add(ShardNumber(segment, piece))
    return seen


@given(sights())
def test_what_is_claimed_is_what_the_worst_case_leaves(
    seen: dict[NodeId, set[ShardNumber]],
) -> None:
    segments = [HEAD, 0, 1]
    assert survives_node_losses(segments, seen) == worst_case(segments, seen)


def with_copies() -> dict[NodeId, set[ShardNumber]]:
    """Each shard at two of 15 holders, so that six shards are lost with seven holders."""
    return {
        node(number): {
            ShardNumber(0, number),
            ShardNumber(0, (number + 1) % PIECES),
            ShardNumber(HEAD, 0),
        }
        for number in range(PIECES)
    }


def test_copies_count_for_what_they_are_worth() -> None:
    assert (
        survives_node_losses([HEAD, 0], with_copies()) == worst_case([HEAD, 0], with_copies()) == 6
    )


def test_control_with_one_shard_too_few_taken_for_enough_a_loss_is_claimed_survived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placement, "needed", lambda _segment: 9)
    seen = placed(15, 1)
    claimed = survives_node_losses([0], seen)
    honest = worst_case([0], seen)
    assert claimed is not None
    assert honest is not None
    assert claimed > honest


def test_what_was_asked_for_and_is_not_there_does_not_count() -> None:
    seen = placed(15, 3)
    holder = next(iter(seen))
    seen[holder] = set()
    assert survives_node_losses([HEAD, 0, 1, 2], seen) == 4
    seen = {one: had for one, had in seen.items() if ShardNumber(HEAD, 0) not in had}
    assert survives_node_losses([HEAD, 0, 1, 2], seen) is None


def test_a_large_file_takes_no_longer_than_its_patterns() -> None:
    """2,048 segments at 15 holders, and each shard at another one besides: 15 patterns."""
    seen = placed(15, 2048)
    holders = sorted(seen)
    moved = {
        holders[at]: seen[holders[at]] | seen[holders[(at + 1) % PIECES]] for at in range(PIECES)
    }
    found = survives_node_losses(range(2048), moved)
    assert found is not None
    assert found > 5

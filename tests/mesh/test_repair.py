"""Repair: what is due, and plans that give nobody too much and lose nothing while they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.test_placement import HEAD_PLACE, PLACE, node, placed, relays
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.mesh import repair
from zentalk.mesh.audit import ShardBook, ShardVerdict
from zentalk.mesh.placement import (
    DATA_PIECES,
    HEAD,
    HEAD_COPIES,
    NEAREST,
    ShardCandidate,
    ShardNumber,
    lay_out,
    nearest,
    slot_of,
    slots_each,
    survives_node_losses,
)
from zentalk.mesh.repair import RepairPlan, find_repairs, plan_repair
from zentalk.wire.head import PIECES

WALL = 1_800_000_000.0
SEGMENTS = 3


def first_of(count: int, segment: int) -> dict[int, NodeId]:
    layout = lay_out(PLACE, relays(count))
    return {
        piece: layout.holders[layout.slots[slot_of(ShardNumber(segment, piece))]]
        for piece in range(PIECES)
    }


def check_plan(
    plan: RepairPlan,
    live: dict[NodeId, set[ShardNumber]],
    near: list[ShardCandidate],
    first: Collection[NodeId],
) -> None:
    """Check what every plan must keep to."""
    having = Counter(
        holder for holder, numbers in live.items() for one in numbers if one.segment == plan.segment
    )
    there = {
        one.piece for numbers in live.values() for one in numbers if one.segment == plan.segment
    }
    reached = {one.node for one in near[:NEAREST]}
    given = [task.number for task in plan.puts]
    assert all(task.number.segment == plan.segment for task in (*plan.puts, *plan.reads))
    assert {task.number.piece for task in plan.reads[: plan.enough]} <= there
    assert len({task.number.piece for task in plan.reads[: plan.enough]}) == plan.enough
    assert all(task.number in live[task.holder] for task in plan.reads)
    assert {task.holder for task in plan.puts} <= {one.node for one in near}
    after = having + Counter(task.holder for task in plan.puts)
    if plan.segment == HEAD:
        assert max(after.values()) == 1
        assert {task.holder for task in plan.puts} <= reached
        assert len(after) <= max(HEAD_COPIES, len(having))
    else:
        assert len(given) == len(set(given))
        assert not there & {number.piece for number in given}
        share = slots_each(len(near))
        assert all(after[task.holder] <= share for task in plan.puts)
        assert {task.holder for task in plan.puts} <= reached | set(first)


# --- what is due -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "due", "beyond"),
    [
        (15, False, False),
        (13, False, False),
        (12, True, False),
        (10, True, False),
        (9, False, True),
    ],
)
def test_a_segment_is_due_with_twelve_shards_and_beyond_repair_with_nine(
    left: int, due: bool, beyond: bool
) -> None:
    live = {node(piece): {ShardNumber(0, piece)} for piece in range(left)}
    live[node(0)] |= {ShardNumber(1, piece) for piece in range(PIECES)}
    live[node(77)] = {ShardNumber(0, 0)}  # a copy of one that is there
    found = find_repairs([0, 1], live)
    assert found == ((0,) if due else (), (0,) if beyond else ())


@pytest.mark.parametrize(
    ("copies", "due", "beyond"),
    [(4, False, False), (3, True, False), (1, True, False), (0, False, True)],
)
def test_a_head_is_due_with_three_copies(copies: int, due: bool, beyond: bool) -> None:
    live = {node(number): {ShardNumber(HEAD, 0)} for number in range(copies)}
    assert find_repairs([HEAD], live) == ((HEAD,) if due else (), (HEAD,) if beyond else ())


def test_what_is_worst_off_comes_first() -> None:
    live = {
        node(0): {ShardNumber(0, piece) for piece in range(12)}
        | {ShardNumber(1, piece) for piece in range(10)}
        | {ShardNumber(2, piece) for piece in range(11)}
    }
    assert find_repairs(range(4), live) == ((1, 2, 0), (3,))


# --- plans -----------------------------------------------------------------------------------


def test_lost_shards_go_to_the_nearest_that_have_none() -> None:
    seen = placed(20, 1)
    near = nearest(PLACE, relays(20))
    gone = [one.node for one in near[:4]]
    left = [one for one in near if one.node not in gone]
    live = {holder: had for holder, had in seen.items() if holder not in gone}
    plan = plan_repair(0, live, left, first=first_of(20, 0))
    check_plan(plan, live, left, [])
    assert [task.holder for task in plan.puts] == [one.node for one in near[15:19]]
    assert [task.number.piece for task in plan.reads[:DATA_PIECES]] == list(range(4, 14))


def test_a_holder_that_lost_its_shard_gets_it_back() -> None:
    live = placed(30, 1)
    first = first_of(30, 0)
    lost = {ShardNumber(0, piece) for piece in range(4)}
    live = {holder: had - lost for holder, had in live.items()}
    plan = plan_repair(0, live, nearest(PLACE, relays(30)), first=first)
    assert {task.number.piece: task.holder for task in plan.puts} == {n: first[n] for n in range(4)}


def test_groups_that_no_holder_is_of_come_first() -> None:
    near = [ShardCandidate(node(number), frozenset({f"/24 {number // 2}"})) for number in range(16)]
    live = {node(number): {ShardNumber(0, number)} for number in range(12)}
    plan = plan_repair(0, live, near, first={})
    assert [task.holder for task in plan.puts] == [node(12), node(14), node(13)]


def test_silent_holders_are_read_last() -> None:
    live = {node(piece): {ShardNumber(0, piece)} for piece in range(12)}
    live[node(50)] = {ShardNumber(0, 0)}
    plan = plan_repair(0, live, [], first={}, silent={node(0), node(1)})
    assert [task.holder for task in plan.reads[-2:]] == [node(1), node(0)]
    assert node(50) in {task.holder for task in plan.reads[:DATA_PIECES]}
    assert plan.puts == ()


def test_a_piece_that_only_a_silent_holder_has_is_read_before_a_copy_of_another() -> None:
    live = {node(piece): {ShardNumber(0, piece)} for piece in range(10)}
    live[node(50)] = {ShardNumber(0, 1)}
    plan = plan_repair(0, live, [], first={}, silent={node(9)})
    assert {task.number.piece for task in plan.reads[:DATA_PIECES]} == set(range(10))


def test_a_head_is_copied_to_the_nearest_without_one() -> None:
    near = nearest(HEAD_PLACE, relays(30))
    live = {near[0].node: {ShardNumber(HEAD, 0)}, node(99): {ShardNumber(HEAD, 0)}}
    plan = plan_repair(HEAD, live, near, first={})
    check_plan(plan, live, near, [])
    assert [task.holder for task in plan.puts] == [one.node for one in near[1:5]]
    assert len(plan.reads) == 2


# --- months of losses ------------------------------------------------------------------------


@dataclass
class World:
    """A network in which relays fall silent, come back, and lose or spoil shards."""

    count: int
    has: dict[NodeId, set[ShardNumber]]
    spoilt: set[tuple[NodeId, ShardNumber]] = field(default_factory=set)
    silent: set[NodeId] = field(default_factory=set)
    book: ShardBook = field(default_factory=ShardBook)

    @classmethod
    def of(cls, count: int) -> World:
        world = cls(count, placed(count, SEGMENTS))
        for holder, numbers in world.has.items():
            for number in numbers:
                world.book.stored(holder, number)
        return world

    def answers(self, holder: NodeId, number: ShardNumber) -> ShardVerdict:
        if holder in self.silent:
            return ShardVerdict.SILENT
        if number not in self.has.get(holder, set()):
            return ShardVerdict.MISSING
        return ShardVerdict.CORRUPT if (holder, number) in self.spoilt else ShardVerdict.RIGHT

    def audit(self, wall: float) -> None:
        """Ask for all leases and read all shards, which is the most that an audit sees."""
        for holder, number, _ in list(self.book.known):
            self.book.read(holder, number, self.answers(holder, number), wall)

    def repair(self, wall: float) -> None:
        live = self.book.live(wall)
        for segment in find_repairs([HEAD, *range(SEGMENTS)], live).due:
            place = HEAD_PLACE if segment == HEAD else PLACE
            shunned = self.silent | self.book.spoilers
            up = [one for one in relays(self.count) if one.node not in shunned]
            near = nearest(place, up)
            first = {} if segment == HEAD else first_of(self.count, segment)
            plan = plan_repair(
                segment, live, near, first=first, silent=self.book.silent_since.keys()
            )
            check_plan(plan, live, near, first.values())
            right = {t.number for t in plan.reads if self.answers(*t) is ShardVerdict.RIGHT}
            if len(right) >= plan.enough:
                for task in plan.puts:
                    self.put(task.holder, task.number)
                    self.book.stored(task.holder, task.number)
                    assert self.answers(*task) is ShardVerdict.RIGHT

    def put(self, holder: NodeId, number: ShardNumber) -> None:
        """Store a shard; one that is there is renewed, and stays what it is, spoilt or not."""
        if number not in self.has.setdefault(holder, set()):
            self.has[holder].add(number)
            self.spoilt.discard((holder, number))

    def survives(self, wall: float) -> int | None:
        return survives_node_losses([HEAD, *range(SEGMENTS)], self.book.live(wall))


days = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["falls silent", "comes back", "loses", "spoils"]), st.integers(0, 99)
        ),
        max_size=3,
    ),
    max_size=20,
)


@given(st.integers(1, 25), days)
def test_plans_keep_to_the_rules_whatever_happens(
    count: int, todo: list[list[tuple[str, int]]]
) -> None:
    world, wall = World.of(count), WALL
    for events in todo:
        for what, which in events:
            holder = node(which % count)
            numbers = sorted(world.has.get(holder, set()))
            if what == "falls silent":
                world.silent.add(holder)
            elif what == "comes back":
                world.silent.discard(holder)
            elif numbers and what == "loses":
                world.has[holder].discard(numbers[which % len(numbers)])
            elif numbers:
                world.spoilt.add((holder, numbers[which % len(numbers)]))
        world.audit(wall)
        world.repair(wall)
        wall += DAY_SECONDS


def a_loss_a_week(world: World) -> int | None:
    """Let a relay vanish for good and another come every week, for a year."""
    wall = WALL
    order = [one.node for one in nearest(PLACE, relays(world.count))]
    for day in range(365):
        if day % 7 == 0:
            world.silent = {order[day // 7 % len(order)], order[(day // 7 + 1) % len(order)]}
            for holder in world.silent:
                world.has[holder] = set()
        world.audit(wall)
        world.repair(wall)
        wall += DAY_SECONDS
    return world.survives(wall)


def test_a_file_outlives_all_its_first_holders() -> None:
    found = a_loss_a_week(World.of(25))
    assert found is not None
    assert found >= 2


def test_control_without_repair_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "REPAIR_AT", 0)
    assert a_loss_a_week(World.of(25)) is None

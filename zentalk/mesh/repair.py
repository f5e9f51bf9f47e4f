"""Repair: which segments need it, which shards are read for it, and where the new ones go.

Spec: docs/spec/mesh.md section 11. It needs no key: lost shards are coded from ten others, and
have the ids that the head says. What is planned must never give a holder more than its share of a
segment, nor a shard that somebody else still has.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.ids import NodeId
from zentalk.mesh.placement import (
    DATA_PIECES,
    HEAD,
    HEAD_COPIES,
    NEAREST,
    Seen,
    ShardCandidate,
    ShardNumber,
    choose,
    needed,
    slots_each,
)
from zentalk.wire.head import PIECES

REPAIR_AT: Final = 12
"""A segment of so many live shards or fewer is repaired."""
HEAD_REPAIR_AT: Final = 3
"""A head of so many copies or fewer is copied again."""


class Task(NamedTuple):
    """A shard to be read from a holder, or put there."""

    holder: NodeId
    number: ShardNumber


class RepairPlan(NamedTuple):
    """The plan for one segment, or for the head.

    The first of `reads` are enough if all succeed; the others are tried where one does not. For
    what is lost and not in `puts` there is no room now.
    """

    segment: int
    reads: tuple[Task, ...]
    puts: tuple[Task, ...]
    enough: int = DATA_PIECES


class Repairs(NamedTuple):
    """The result of an audit: what is to be repaired, the worst first, and what cannot be."""

    due: tuple[int, ...]
    beyond: tuple[int, ...]
    """Less is left of these than they need; silent holders may come back."""


def find_repairs(segments: Iterable[int], live: Seen) -> Repairs:
    """Return which of a file's segments, INDEX and HEAD have lost so much that it is time."""
    found: defaultdict[int, set[object]] = defaultdict(set)
    for holder, numbers in live.items():
        for segment, piece in numbers:
            found[segment].add(holder if segment == HEAD else piece)
    left = {segment: len(found[segment]) for segment in segments}
    due = [
        segment
        for segment, count in left.items()
        if needed(segment) <= count <= (HEAD_REPAIR_AT if segment == HEAD else REPAIR_AT)
    ]
    due.sort(key=lambda segment: left[segment] - needed(segment))
    return Repairs(tuple(due), tuple(one for one in left if left[one] < needed(one)))


def plan_repair(
    segment: int,
    live: Seen,
    near: Sequence[ShardCandidate],
    *,
    first: Mapping[int, NodeId],
    silent: Collection[NodeId] = (),
) -> RepairPlan:
    """Plan the repair of a segment or head.

    `near` are the candidates as `nearest` orders them, without those that must not be given
    anything: whoever is silent, or gave other bytes than it was given. `first` says where each
    index was put at first, which is where readers look first; `silent` holders are read last.
    """
    holders: defaultdict[int, list[NodeId]] = defaultdict(list)
    for holder, numbers in live.items():
        for number in numbers:
            if number.segment == segment:
                holders[number.piece].append(holder)
    reads = _reads(segment, holders, silent)
    if segment == HEAD:
        return RepairPlan(HEAD, reads, _copies(holders[0], near), needed(HEAD))
    lost = [index for index in range(PIECES) if not holders[index]]
    return RepairPlan(segment, reads, _places(segment, lost, holders, near, first))


def _reads(
    segment: int, holders: Mapping[int, list[NodeId]], silent: Collection[NodeId]
) -> tuple[Task, ...]:
    """Return one reading of each index, from whoever answers; then what else there is."""
    ranked: list[tuple[int, bool, int, NodeId]] = []
    for index, having in holders.items():
        for again, holder in enumerate(sorted(having, key=lambda one: (one in silent, one))):
            ranked.append((again, holder in silent, index, holder))
    return tuple(
        Task(holder, ShardNumber(segment, index)) for _, _, index, holder in sorted(ranked)
    )


def _copies(having: list[NodeId], near: Sequence[ShardCandidate]) -> tuple[Task, ...]:
    taken = {group for one in near if one.node in having for group in one.groups}
    free = [one for one in near[:NEAREST] if one.node not in having]
    chosen = choose(free, max(0, HEAD_COPIES - len(having)), taken)
    return tuple(Task(one.node, ShardNumber(HEAD, 0)) for one in chosen)


def _places(
    segment: int,
    lost: list[int],
    holders: Mapping[int, list[NodeId]],
    near: Sequence[ShardCandidate],
    first: Mapping[int, NodeId],
) -> tuple[Task, ...]:
    """Give each lost index back to its first holder, or else to the nearest with room.

    Of these those come first that have no group in common with a holder of the segment.
    """
    share = slots_each(len(near))
    has = Counter(holder for having in holders.values() for holder in having)
    groups = {one.node: one.groups for one in near}
    puts: list[Task] = []

    def give(holder: NodeId, index: int) -> None:
        has[holder] += 1
        puts.append(Task(holder, ShardNumber(segment, index)))

    for index in lost:
        if first.get(index) in groups and has[first[index]] < share:
            give(first[index], index)
    given = {task.number.piece for task in puts}
    for index in lost:
        if index in given:
            continue
        taken = {group for holder in +has for group in groups.get(holder, ())}
        free = [one for one in near[:NEAREST] if has[one.node] < share]
        for chosen in choose(free, 1, taken):
            give(chosen.node, index)
    return tuple(puts)

"""Decides which holder gets what, whom readers ask, and how many losses a file survives.

Spec: docs/spec/mesh.md section 7. Holders are the relays nearest to a place that only the owner and
readers can compute, so that nobody can stand near a file on purpose. Whether a relay is reachable
is not asked here, and what holders were asked to keep must never count as kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.wire.head import PIECES, Head
from zentalk.wire.shard import Coding

DATA_PIECES: Final = Coding.PIECE.value[0]
HEAD_COPIES: Final = sum(Coding.COPY.value)
NEAREST: Final = 20
"""Relays that readers ask when a holder does not have its shard, and where repair puts shards."""
INDEX: Final = -1
"""The number of the one segment that a file's index has."""
HEAD: Final = -2
"""The number under which the copies of a head are counted; all of them have index 0."""

Groups: TypeAlias = frozenset[str | bytes]


class ShardCandidate(NamedTuple):
    """A relay that keeps shards; holders should have none of their `groups` in common.

    They are its /24 (IPv6: /48) and its family, where it has them.
    """

    node: NodeId
    groups: Groups = frozenset()


class ShardNumber(NamedTuple):
    """The place of a shard in its file: segment, INDEX or HEAD, and the index there (0 to 14)."""

    segment: int
    piece: int


Seen: TypeAlias = Mapping[NodeId, Collection[ShardNumber]]
"""The shards that holders were seen to have."""


class Layout(NamedTuple):
    """Holders of a file, and for each of its 15 slots the number of its holder."""

    holders: tuple[NodeId, ...]
    slots: tuple[int, ...]


def nearest(place: bytes, candidates: Iterable[ShardCandidate]) -> list[ShardCandidate]:
    """Return the candidates in the order of their distance (XOR) to a place of 32 bytes."""
    point = int.from_bytes(place, "big")
    return sorted(candidates, key=lambda one: int.from_bytes(one.node, "big") ^ point)


def choose(
    ordered: Iterable[ShardCandidate], count: int, taken: Collection[str | bytes] = ()
) -> list[ShardCandidate]:
    """Return up to `count` candidates: first those of groups that nobody has, then the others.

    `ordered` is their order; `taken` are groups that count as had. The result is in the order in
    which they were chosen.
    """
    groups, chosen, others = set(taken), [], []
    for candidate in ordered:
        if groups.isdisjoint(candidate.groups):
            chosen.append(candidate)
            groups |= candidate.groups
        else:
            others.append(candidate)
    return (chosen + others)[:count]


def lay_out(shard_place: bytes, candidates: Iterable[ShardCandidate]) -> Layout:
    """Choose the holders of a file and share its slots out among them.

    Raises UnavailableError if there is no candidate.
    """
    chosen = choose(nearest(shard_place, candidates), PIECES)
    if not chosen:
        raise UnavailableError(
            "no relay of the network stores files now: try again when there is one"
        )
    slots = tuple(slot % len(chosen) for slot in range(PIECES))
    return Layout(tuple(candidate.node for candidate in chosen), slots)


def head_holders(head_place: bytes, candidates: Iterable[ShardCandidate]) -> tuple[NodeId, ...]:
    """Return the relays that get a copy of a head: up to six."""
    return tuple(one.node for one in choose(nearest(head_place, candidates), HEAD_COPIES))


def slots_each(candidates: int) -> int:
    """Return how many slots a holder has at most among so many candidates."""
    return -(-PIECES // max(1, candidates))


def slot_of(number: ShardNumber) -> int:
    """Return the slot of a shard of a segment or of the index."""
    return (number.piece + max(0, number.segment)) % PIECES


def holder_of(head: Head, number: ShardNumber) -> NodeId:
    """Return where a shard was put first."""
    return head.holders[head.slots[slot_of(number)]]


def reading_order(head: Head, number: ShardNumber, near: Sequence[ShardCandidate]) -> list[NodeId]:
    """Return whom a reader asks for a shard, in this order.

    `near` are the candidates as `nearest` orders them for the shard place.
    """
    first = holder_of(head, number)
    return [first, *(one.node for one in near[:NEAREST] if one.node != first)]


def head_reading_order(head_place: bytes, candidates: Iterable[ShardCandidate]) -> list[NodeId]:
    """Return whom a reader asks for a head: those who would get a copy now, and the 20 nearest."""
    near = nearest(head_place, candidates)
    order = [*choose(near, HEAD_COPIES), *near[:NEAREST]]
    return list(dict.fromkeys(one.node for one in order))


def needed(segment: int) -> int:
    """Return how many different shards a segment or the head cannot do without."""
    return 1 if segment == HEAD else DATA_PIECES


def survives_node_losses(segments: Iterable[int], seen: Seen) -> int | None:
    """Return the largest number of holders that may be lost, *whichever they are*.

    `segments` is what must be left: the numbers of all segments, HEAD, and INDEX if there is one.
    None if something cannot be read as it is. It is exact, also where several holders have a shard.
    """
    bits = {holder: 1 << number for number, holder in enumerate(seen)}
    masks: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for holder, numbers in seen.items():
        for segment, piece in numbers:
            masks[segment][piece] |= bits[holder]
    least = len(seen) + 1
    wanted = {(needed(one), tuple(sorted(masks[one].values()))) for one in segments}
    for enough, holders in wanted:
        least = _fewest_to_lose(holders, len(holders) - enough + 1, least)
    return least - 1 if least else None


def _fewest_to_lose(holders: Sequence[int], shards: int, bound: int) -> int:
    """Return how few holders take so many shards with them, or `bound` if it is not fewer.

    `holders` has a bit for each holder of a shard, which is lost with all of them. Tries every
    choice of shards that could be fewer: at most 5,005 of a segment.
    """
    if shards <= 0:
        return 0
    by_count = sorted(holders, key=int.bit_count)
    best = bound
    stack = [(0, 0, shards)]
    while stack:
        at, gone, left = stack.pop()
        if gone.bit_count() >= best:
            continue
        if not left:
            best = gone.bit_count()
            continue
        stack.extend(
            (after + 1, gone | by_count[after], left - 1)
            for after in reversed(range(at, len(by_count) - left + 1))
        )
    return best


def all_segments(head: Head) -> Iterator[int]:
    """Yield the numbers of all that a file needs: segments, index and head."""
    yield HEAD
    if head.index:
        yield INDEX
    yield from range(head.segment_count)

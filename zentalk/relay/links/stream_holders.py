"""The holders of a relay's streams, and their numbers: all that the rules of `stream_shares` ask.

Plain synchronous code. Strangers decide how many principals there are and how often is asked, so
no answer looks at all of them: principals are kept by how many streams they hold. It decides
nothing and ends nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """In whose name a stream is carried: where a client is, or the neighbour that brings it.

    `place` is an accepted link's source (`ConnectionSlot.source`), or the NodeId that we dialled.
    """

    place: Hashable
    is_neighbour: bool = False


class StreamSlot:
    """One stream that is carried. Made by `StreamShares.enter`."""

    __slots__ = ("_end", "evicted", "onward", "principal")

    def __init__(self, principal: Principal, end: Callable[[], None]) -> None:
        self.principal = principal
        self.onward: Hashable | None = None
        """The neighbour over whose link it goes on; None if it ends here, or is not open yet."""
        self.evicted = False
        self._end = end

    def end(self) -> None:
        """Make its stream end, as another gets the place."""
        self.evicted = True
        self._end()


# Slots in the order in which they came: the last is the youngest.
_Slots = dict[StreamSlot, None]


class StreamHolders:
    """The slots that are taken, by principal and by the neighbour that they go on to."""

    def __init__(self) -> None:
        self._held: dict[Principal, _Slots] = {}
        self._ranks: dict[bool, dict[int, dict[Principal, None]]] = {
            False: defaultdict(dict),
            True: defaultdict(dict),
        }
        """Principals of each kind by how many slots they have."""
        self._onward: dict[Hashable, dict[Principal, _Slots]] = {}
        self.count = 0

    def held(self, principal: Principal) -> int:
        """Return how many slots a principal has."""
        return len(self._held.get(principal, ()))

    def neighbours(self) -> int:
        """Return how many neighbours have slots."""
        return sum(len(ranked) for ranked in self._ranks[True].values())

    def add(self, slot: StreamSlot) -> None:
        """Note that a slot is taken."""
        self._rank(slot.principal, by=1)
        self._held.setdefault(slot.principal, {})[slot] = None
        self.count += 1

    def goes_on(self, slot: StreamSlot, neighbour: Hashable) -> None:
        """Note over whose link the stream of a slot goes on; nothing if it was taken away."""
        if slot in self._held.get(slot.principal, ()):
            slot.onward = neighbour
            self._onward.setdefault(neighbour, {}).setdefault(slot.principal, {})[slot] = None

    def remove(self, slot: StreamSlot) -> bool:
        """Note that a slot is free; False if it was already."""
        if slot not in self._held.get(slot.principal, ()):
            return False
        self._rank(slot.principal, by=-1)
        _discard(self._held, slot)
        if slot.onward is not None:
            there = self._onward[slot.onward]
            _discard(there, slot)
            if not there:
                del self._onward[slot.onward]
        self.count -= 1
        return True

    def greediest(self) -> Iterator[StreamSlot]:
        """Yield the youngest slot of the client that has most, and of the neighbour that has."""
        for ranks in self._ranks.values():
            if ranks:
                principal = next(iter(ranks[max(ranks)]))
                yield next(reversed(self._held[principal]))

    def over(self, neighbour: Hashable) -> Iterator[StreamSlot]:
        """Yield each principal's youngest slot of those that go on over one neighbour's link."""
        for slots in self._onward.get(neighbour, {}).values():
            yield next(reversed(slots))

    def _rank(self, principal: Principal, by: int) -> None:
        ranks, before = self._ranks[principal.is_neighbour], self.held(principal)
        if before:
            del ranks[before][principal]
            if not ranks[before]:
                del ranks[before]
        if before + by:
            ranks[before + by][principal] = None


def _discard(slots: dict[Principal, _Slots], slot: StreamSlot) -> None:
    """Remove a slot, and its principal's entry with the last one."""
    del slots[slot.principal][slot]
    if not slots[slot.principal]:
        del slots[slot.principal]

"""Which streams a relay carries when more are asked for than it has room for.

Spec: docs/spec/link.md section 11.1. Plain synchronous code. Room is shared among principals: a
client's address, and each neighbour's link, behind which nobody can be told apart. Whoever is
within its share always gets a stream; the one that ends for it is the youngest of whoever is
furthest above its share. It must never be the idlest: who collects mail is idle, and idleness
is free to fake.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Final

from zentalk.link.streams import CLIENT_STREAMS
from zentalk.relay.links.memory_budget import MemoryBudget

MAX_STREAMS: Final = 4096
STREAMS_PART: Final = 0.5
"""Of the budget: what streams may take of it, whoever has them."""
STREAM_BYTES: Final = 32 * 1024
"""What a stream takes without its queues: its tasks, keys and buffers, measured."""
SOURCE_SHARE: Final = CLIENT_STREAMS
"""Streams that one client's source is sure of: what one node may open."""
NEIGHBOUR_SHARE: Final = 64
"""Streams that a neighbour is sure of at least, for all the people behind it."""


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


class StreamShares:
    """The streams of one relay, and who has how many of them."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._memory = budget.account(share=STREAMS_PART, greedy=False)
        # Slots in the order in which they came: the last is the youngest.
        self._held: dict[Principal, dict[StreamSlot, None]] = {}
        self.count = 0
        self.evicted = 0
        """How many streams made room for others."""

    def enter(self, principal: Principal, end: Callable[[], None]) -> StreamSlot | None:
        """Admit a stream, ending another if there is no room; None if it is not its turn.

        `end` makes the new one end. Give the slot back with `leave`.
        """
        held = len(self._held.get(principal, ()))
        while self._is_full():
            if not self._evict(principal, held + 1, self._candidates()):
                return None
        slot = StreamSlot(principal, end)
        self._held.setdefault(principal, {})[slot] = None
        self.count += 1
        self._memory.add(STREAM_BYTES)
        return slot

    def leave(self, slot: StreamSlot) -> None:
        """Give back a slot; nothing if it was taken away already."""
        slots = self._held.get(slot.principal, {})
        if slot not in slots:
            return
        del slots[slot]
        if not slots:
            del self._held[slot.principal]
        self.count -= 1
        self._memory.release(STREAM_BYTES)

    def make_room_onward(self, slot: StreamSlot, neighbour: Hashable) -> bool:
        """End a stream that goes on over a neighbour's link, as it takes no more from us.

        A neighbour cannot tell our clients apart: who of them gives way is for us to decide. False
        if nobody has more of a claim to give way than whoever wants the room.
        """
        held = len(self._held.get(slot.principal, ()))
        return self._evict(slot.principal, held, self._candidates(neighbour))

    def share_of(self, principal: Principal) -> int:
        """Return how many streams a principal is sure of now."""
        if not principal.is_neighbour:
            return SOURCE_SHARE
        neighbours = sum(other.is_neighbour for other in self._held) or 1
        return max(NEIGHBOUR_SHARE, self._room() // neighbours)

    def _room(self) -> int:
        return min(MAX_STREAMS, self._memory.max_bytes // STREAM_BYTES)

    def _is_full(self) -> bool:
        return self.count >= self._room() or not self._budget.takes_streams

    def _candidates(self, neighbour: Hashable | None = None) -> Iterator[StreamSlot]:
        """Yield the youngest stream of each principal, of those that go on over one link."""
        for slots in self._held.values():
            for slot in reversed(slots):
                if neighbour is None or slot.onward == neighbour:
                    yield slot
                    break

    def _evict(self, principal: Principal, held: int, candidates: Iterator[StreamSlot]) -> bool:
        """End the candidate of whoever is furthest above its share.

        Only for a principal that with `held` streams is not above that one itself: else two who
        are equal would take the same place from each other again and again.
        """
        shares = {False: SOURCE_SHARE, True: self.share_of(Principal(None, is_neighbour=True))}

        def part(slot: StreamSlot, besides: int = 0) -> float:
            whose = slot.principal
            return (len(self._held[whose]) - besides) / shares[whose.is_neighbour]

        doomed = max(candidates, key=part, default=None)
        if doomed is None or part(doomed, besides=1) < held / shares[principal.is_neighbour]:
            return False
        self.leave(doomed)
        self.evicted += 1
        doomed.end()
        return True

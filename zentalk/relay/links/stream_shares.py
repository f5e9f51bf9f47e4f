"""Shares the streams of a relay when more are asked for than it has room for.

Spec: docs/spec/link.md section 11.1. Plain synchronous code. Room is shared among principals: a
client's address, and each neighbour's link, behind which nobody can be told apart. Whoever is
within its share always gets a stream; the one that ends for it is the youngest of whoever is
furthest above its share. It must never be the idlest: who collects mail is idle, and idleness
is free to fake.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final

from zentalk.link.streams import CLIENT_STREAMS
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.stream_holders import Principal, StreamHolders, StreamSlot

MAX_STREAMS: Final = 4096
STREAMS_PART: Final = 0.5
"""The share of the budget that streams may take, whoever has them."""
STREAM_BYTES: Final = 32 * 1024
"""Bytes of a stream without its queues: its tasks, keys and buffers, measured."""
SOURCE_SHARE: Final = CLIENT_STREAMS
"""Streams that one client's source is sure of: what one node may open."""
NEIGHBOUR_SHARE: Final = 64
"""Streams that a neighbour is sure of at least, for all the people behind it."""


class StreamShares:
    """The streams of one relay, and who has how many of them."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._memory = budget.account(share=STREAMS_PART, greedy=False)
        self._holders = StreamHolders()
        self.evicted = 0
        """Streams that were ended to make room for others, since the start."""

    @property
    def count(self) -> int:
        """The streams that this relay carries now; at `MAX_STREAMS` others give way."""
        return self._holders.count

    def enter(self, principal: Principal, end: Callable[[], None]) -> StreamSlot | None:
        """Admit a stream, ending another if there is no room; None if it is not its turn.

        `end` makes the new one end. Give the slot back with `leave`.
        """
        while self._is_full():
            if not self._evict(
                principal, self._holders.held(principal) + 1, self._holders.greediest()
            ):
                return None
        slot = StreamSlot(principal, end)
        self._holders.add(slot)
        self._memory.add(STREAM_BYTES)
        return slot

    def leave(self, slot: StreamSlot) -> None:
        """Give back a slot; nothing if it was taken away already."""
        if self._holders.remove(slot):
            self._memory.release(STREAM_BYTES)

    def goes_on(self, slot: StreamSlot, neighbour: Hashable) -> None:
        """Note that the stream of a slot goes on over a neighbour's link."""
        self._holders.goes_on(slot, neighbour)

    def make_room_onward(self, slot: StreamSlot, neighbour: Hashable) -> bool:
        """End a stream that goes on over a neighbour's link, as it takes no more from us.

        A neighbour cannot tell our clients apart: who of them gives way is for us to decide. False
        if nobody has more of a claim to give way than whoever wants the room.
        """
        return self._evict(
            slot.principal, self._holders.held(slot.principal), self._holders.over(neighbour)
        )

    def share_of(self, principal: Principal) -> int:
        """Return how many streams a principal is sure of now."""
        if not principal.is_neighbour:
            return SOURCE_SHARE
        neighbours = self._holders.neighbours() or 1
        return max(NEIGHBOUR_SHARE, self._room() // neighbours)

    def _room(self) -> int:
        return min(MAX_STREAMS, self._memory.max_bytes // STREAM_BYTES)

    def _is_full(self) -> bool:
        return self.count >= self._room() or not self._budget.takes_streams

    def _evict(self, principal: Principal, held: int, candidates: Iterable[StreamSlot]) -> bool:
        """End the candidate of whoever is furthest above its share.

        Only for a principal that with `held` streams is not above that one itself: else two who
        are equal would take the same place from each other again and again.
        """
        shares = {False: SOURCE_SHARE, True: self.share_of(Principal(None, is_neighbour=True))}

        def part(slot: StreamSlot, besides: int = 0) -> float:
            whose = slot.principal
            return (self._holders.held(whose) - besides) / shares[whose.is_neighbour]

        doomed = max(candidates, key=part, default=None)
        if doomed is None or part(doomed, besides=1) < held / shares[principal.is_neighbour]:
            return False
        self.leave(doomed)
        self.evicted += 1
        doomed.end()
        return True

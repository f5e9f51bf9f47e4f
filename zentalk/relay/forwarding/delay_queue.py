"""Packets that their senders want held for a while: a bounded queue by due time.

Plain synchronous code. Nothing is ever sent early, and nothing is pushed out by what
comes later: a full queue refuses.
"""

from __future__ import annotations

import heapq
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_DELAYED_PACKETS: Final = 100_000
HELD_COST_BYTES: Final = 256
"""Bytes that holding a packet takes beyond its own."""


class DelayQueue(Generic[T]):
    """Holds up to `max_entries` items of together `max_bytes`; times are seconds."""

    __slots__ = ("_heap", "_max_bytes", "_max_entries", "_pushed", "size_bytes")

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._heap: list[tuple[float, int, int, T]] = []
        self._pushed = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, due: float, item: T, size_bytes: int) -> bool:
        """Hold an item until `due`; False if there is no room."""
        if len(self._heap) >= self._max_entries or self.size_bytes + size_bytes > self._max_bytes:
            return False
        self._pushed += 1
        # The count keeps items of one due time in order, and items from being compared.
        heapq.heappush(self._heap, (due, self._pushed, size_bytes, item))
        self.size_bytes += size_bytes
        return True

    def pop_due(self, now: float) -> list[T]:
        """Take out what is due, oldest due time first."""
        due: list[T] = []
        while self._heap and self._heap[0][0] <= now:
            _, _, size_bytes, item = heapq.heappop(self._heap)
            self.size_bytes -= size_bytes
            due.append(item)
        return due

    def next_deadline(self) -> float | None:
        """Return when `pop_due` has something to give, None while the queue is empty."""
        return self._heap[0][0] if self._heap else None

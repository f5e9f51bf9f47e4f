"""When which item of the outbox is looked at next: one time for each, the last one set.

Plain code but for the event that wakes whoever waits for the next time.
"""

from __future__ import annotations

import heapq
import math

import trio

from zentalk.net.runtime import Runtime


class Timers:
    """A time for each number; one that was replaced or dropped is passed over."""

    __slots__ = ("_at", "_heap", "_runtime", "_wake")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._at: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        self._wake = trio.Event()

    def plan(self, number: int, at: float) -> None:
        """Set the time of a number (monotonic seconds)."""
        self._at[number] = at
        heapq.heappush(self._heap, (at, number))
        self._wake.set()

    def drop(self, number: int) -> None:
        """Forget a number."""
        self._at.pop(number, None)

    async def next_due(self) -> tuple[int, float]:
        """Wait until a number is due; take it off, and return it and the time it is now."""
        while True:
            now = self._runtime.monotonic()
            if self._heap and self._heap[0][0] <= now:
                # However much is due at once, others have their turn.
                await trio.lowlevel.checkpoint()
            while self._heap and self._heap[0][0] <= now:
                at, number = heapq.heappop(self._heap)
                if self._at.get(number) == at:
                    del self._at[number]
                    return number, now
            self._wake = trio.Event()
            wait = self._heap[0][0] - now if self._heap else math.inf
            with trio.move_on_after(max(0.0, wait)):
                await self._wake.wait()

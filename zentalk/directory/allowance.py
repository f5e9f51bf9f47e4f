"""Limits the unasked work that others may cause: so much at once, and so much a second.

A token bucket in plain arithmetic; the caller brings the time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MAX_SOURCES: Final = 4_096
"""Beyond it the one that was quiet for longest is forgotten, and begins anew."""


class Allowance:
    """`burst` units at once, refilled at `per_second`; `now` is monotonic seconds."""

    __slots__ = ("_burst", "_left", "_per_second", "_since")

    def __init__(self, burst: float, per_second: float, now: float) -> None:
        self._burst = self._left = burst
        self._per_second = per_second
        self._since = now

    def take(self, now: float, units: float = 1.0) -> bool:
        """Spend some units; False, and nothing spent, if fewer are left."""
        passed = max(0.0, now - self._since)
        self._left = min(self._burst, self._left + passed * self._per_second)
        self._since = now
        if self._left < units:
            return False
        self._left -= units
        return True

    def seconds_until(self, units: float = 1.0) -> float:
        """Return how long after the last `take` so many units will be there."""
        return max(0.0, units - self._left) / self._per_second


class Allowances:
    """An allowance for each source, whatever it asks over, for at most `MAX_SOURCES` of them."""

    __slots__ = ("_burst", "_known", "_per_second")

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._known: OrderedDict[Hashable, Allowance] = OrderedDict()

    def __len__(self) -> int:
        """Return how many sources are known."""
        return len(self._known)

    def take(self, source: Hashable, now: float, units: float = 1.0) -> bool:
        """Spend some units of a source; False, and nothing spent, if it has fewer left."""
        allowance = self._known.get(source)
        if allowance is None:
            allowance = self._known[source] = Allowance(self._burst, self._per_second, now)
            if len(self._known) > MAX_SOURCES:
                self._known.popitem(last=False)
        self._known.move_to_end(source)
        return allowance.take(now, units)

    def seconds_until(self, source: Hashable) -> float:
        """Return how long after the last `take` of a source it may take one unit."""
        allowance = self._known.get(source)
        return 0.0 if allowance is None else allowance.seconds_until()

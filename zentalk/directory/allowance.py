"""How much unasked work others may cause: so much at once, and so much a second.

A token bucket in plain arithmetic; the caller brings the time.
"""

from __future__ import annotations


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

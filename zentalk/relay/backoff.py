"""When a neighbour that could not be reached may be tried again.

Plain synchronous code. Waits double from 1 s to 30 s, each drawn from the upper half, so
that relays which lost the same neighbour do not return to it together.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from zentalk.crypto.types import Entropy

K = TypeVar("K", bound=Hashable)

FIRST_SECONDS: Final = 1.0
LAST_SECONDS: Final = 30.0
MAX_TARGETS: Final = 16_384
_DRAW_BYTES: Final = 4


class Backoff(Generic[K]):
    """Failures by target; targets beyond MAX_TARGETS push out the oldest failure."""

    __slots__ = ("_entropy", "_failed")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._failed: dict[K, tuple[float, float]] = {}

    def remaining(self, target: K, now: float) -> float:
        """Return how many seconds to wait still, 0 if the target may be tried."""
        _, retry_at = self._failed.get(target, (0.0, now))
        return max(0.0, retry_at - now)

    def failed(self, target: K, now: float) -> None:
        """Remember a failure at the time `now`."""
        last, _ = self._failed.pop(target, (0.0, 0.0))
        longest = min(LAST_SECONDS, last * 2 or FIRST_SECONDS)
        self._failed[target] = (longest, now + longest * (0.5 + self._fraction() / 2))
        if len(self._failed) > MAX_TARGETS:
            del self._failed[next(iter(self._failed))]

    def forget(self, target: K) -> None:
        """Forget a target's failures: it was reached, or has a new address or boot."""
        self._failed.pop(target, None)

    def _fraction(self) -> float:
        drawn = int.from_bytes(self._entropy(_DRAW_BYTES), "big")
        return float(drawn / 256**_DRAW_BYTES)

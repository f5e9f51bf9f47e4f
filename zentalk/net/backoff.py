"""The one way to wait and try again: waits that grow, drawn at random.

Plain synchronous code. Waits are seconds. They are drawn so that many programs which lost the
same peer at the same time do not return to it together.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from zentalk.crypto.types import Entropy

K = TypeVar("K", bound=Hashable)

TARGET_FIRST_SECONDS: Final = 1.0
TARGET_LONGEST_SECONDS: Final = 30.0
MAX_TARGETS: Final = 16_384
"""Failed targets that are remembered; one more pushes out the oldest failure."""
RECONNECT_FIRST_SECONDS: Final = 0.5
RECONNECT_LONGEST_SECONDS: Final = 30.0
SERVED_SECONDS: Final = 3.0
"""A connection that lasted so long was worth making. An attacker who ends connections after that
makes us open one every few seconds, over the same relays, and no more."""
_DRAW_BYTES: Final = 4


def fraction(entropy: Entropy) -> float:
    """Draw a number in 0 <= x < 1."""
    return int.from_bytes(entropy(_DRAW_BYTES), "big") / 2.0 ** (8 * _DRAW_BYTES)


def full_jitter(attempt: int, first: float, longest: float, entropy: Entropy) -> float:
    """Draw a wait of 0 s to `first` doubled `attempt` times, at most `longest` seconds."""
    return min(longest, first * 2.0 ** min(attempt, 32)) * fraction(entropy)


def half_jitter(attempt: int, first: float, longest: float, entropy: Entropy) -> float:
    """Draw a wait from the upper half of the range of `full_jitter`, so that it is never none."""
    return spread(min(longest, first * 2.0 ** min(attempt, 32)), entropy)


def spread(seconds: float, entropy: Entropy) -> float:
    """Draw between half and all of `seconds`, so that programs do not act in step."""
    return seconds * (0.5 + fraction(entropy) / 2.0)


def exponential(mean: float, entropy: Entropy) -> float:
    """Draw from an exponential: what happens next does not depend on how long it has been."""
    return -mean * math.log(1.0 - fraction(entropy))


class Backoff(Generic[K]):
    """Says when each of many targets that could not be reached may be tried again."""

    __slots__ = ("_entropy", "_failed")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._failed: dict[K, tuple[int, float]] = {}

    def remaining(self, target: K, now: float) -> float:
        """Return how many seconds to wait still, 0 if the target may be tried."""
        _, retry_at = self._failed.get(target, (0, now))
        return max(0.0, retry_at - now)

    def failed(self, target: K, now: float) -> None:
        """Remember a failure at the time `now`."""
        failures, _ = self._failed.pop(target, (0, 0.0))
        wait = half_jitter(failures, TARGET_FIRST_SECONDS, TARGET_LONGEST_SECONDS, self._entropy)
        self._failed[target] = (failures + 1, now + wait)
        if len(self._failed) > MAX_TARGETS:
            del self._failed[next(iter(self._failed))]

    def forget(self, target: K) -> None:
        """Forget a target's failures: it was reached, or has a new address or boot."""
        self._failed.pop(target, None)


class ReconnectBackoff:
    """Says when one connection that ended is made again.

    A connection that served ends because a relay on its way restarted: nothing arrives while
    one waits, so the next attempt comes soon, however often that happens. A connection that
    never served, or ends as soon as it begins, is tried less and less.
    """

    __slots__ = ("_entropy", "_failures")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._failures = 0

    def next_wait(self, served_seconds: float) -> float:
        """Return the wait after a connection that served so long, 0 if it never did."""
        if served_seconds > SERVED_SECONDS:
            self._failures = 0
        self._failures += 1
        return half_jitter(
            self._failures - 1, RECONNECT_FIRST_SECONDS, RECONNECT_LONGEST_SECONDS, self._entropy
        )

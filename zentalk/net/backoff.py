"""Waits that grow and are drawn at random, so that many nodes do not return together."""

from __future__ import annotations

import math
from typing import Final

from zentalk.crypto.types import Entropy

_DRAW_BYTES: Final = 4


def fraction(entropy: Entropy) -> float:
    """Draw a number in 0 <= x < 1."""
    return int.from_bytes(entropy(_DRAW_BYTES), "big") / 2.0 ** (8 * _DRAW_BYTES)


def full_jitter(attempt: int, first: float, longest: float, entropy: Entropy) -> float:
    """Draw a wait of 0 s to `first` doubled `attempt` times, at most `longest` seconds."""
    return min(longest, first * 2.0 ** min(attempt, 32)) * fraction(entropy)


def half_jitter(attempt: int, first: float, longest: float, entropy: Entropy) -> float:
    """Draw from the upper half of the same range: never at once."""
    return min(longest, first * 2.0 ** min(attempt, 32)) * (0.5 + fraction(entropy) / 2.0)


def exponential(mean: float, entropy: Entropy) -> float:
    """Draw from an exponential: what happens next does not depend on how long it has been."""
    return -mean * math.log(1.0 - fraction(entropy))

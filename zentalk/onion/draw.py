"""Draws from injected entropy: uniform without modulo bias, and the exponential delay.

Spec: docs/spec/onion.md sections 9 and 10. Nothing here keeps state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeVar

from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.onion.packet import MAX_DELAY_MS

T = TypeVar("T")

_WORD_BYTES: Final = 8
_WORD_RANGE: Final = 1 << 64
_MAX_TRIES: Final = 128
"""Each try fails with a probability below one half for every bound that fits a word."""

DELAY_MEAN_MS: Final = {"fast": 0, "balanced": 50, "strong": 1000}
"""Mean delay per hop of the three privacy profiles."""


def below(bound: int, entropy: Entropy) -> int:
    """Draw a uniform integer in 0..bound-1, 8 bytes of entropy per try.

    Raises LocalProtocolError if `bound` is not in 1..2^64 or the entropy source is broken.
    """
    if not 1 <= bound <= _WORD_RANGE:
        raise LocalProtocolError("a draw needs between 1 and 2^64 outcomes")
    fair = _WORD_RANGE - _WORD_RANGE % bound
    for _ in range(_MAX_TRIES):
        word = int.from_bytes(entropy(_WORD_BYTES), "big")
        if word < fair:
            return word % bound
    raise LocalProtocolError("the entropy source does not give random bytes")


def pick(items: Sequence[T], entropy: Entropy) -> T:
    """Draw one of `items` uniformly; LocalProtocolError if there are none."""
    return items[below(len(items), entropy)]


def sample(items: Sequence[T], count: int, entropy: Entropy) -> list[T]:
    """Draw up to `count` different items, in random order."""
    left = list(items)
    drawn: list[T] = []
    while left and len(drawn) < count:
        index = below(len(left), entropy)
        drawn.append(left[index])
        left[index] = left[-1]
        left.pop()
    return drawn


def draw_delay_ms(mean_ms: int, entropy: Entropy) -> int:
    """Draw one hop's delay from an exponential with that mean, cut off at 60 s."""
    if mean_ms == 0:
        return 0
    share = (below(_WORD_RANGE, entropy) + 1) / _WORD_RANGE
    return min(MAX_DELAY_MS, round(-mean_ms * math.log(share)))


def draw_delays_ms(mean_ms: int, count: int, entropy: Entropy) -> list[int]:
    """Draw the delays of `count` hops, each as `draw_delay_ms` does."""
    return [draw_delay_ms(mean_ms, entropy) for _ in range(count)]

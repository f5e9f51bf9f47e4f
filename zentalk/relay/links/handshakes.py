"""Limits handshakes, as these cost their responder most of all that strangers can ask.

Spec: docs/spec/link.md section 11.2. Plain synchronous code. A first message that was recorded
and sent again costs as much as a new one, so there is a rate for each place that handshakes come
from, and one for all together; whoever comes last waits.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

BURST: Final = 16
PER_SECOND: Final = 2.0
"""The rate of one source: a household, or all tunnels of one neighbour (`weight` as much)."""
ALL_PER_SECOND: Final = 500.0
"""Half of a core: a handshake and the start of its link take a millisecond, measured."""
ALL_BURST: Final = 500
MAX_WAIT_SECONDS: Final = 5.0
"""Whoever would wait longer is refused: its own deadline would pass meanwhile."""
_FEW: Final = 1024


class HandshakeTurns:
    """The handshakes of one relay."""

    def __init__(self) -> None:
        # For each source, when it would be back to nothing done if it stopped now.
        self._until: dict[Hashable, float] = {}
        self._all_until = 0.0
        self._sweep_above = _FEW

    def wait_seconds(self, source: Hashable, now: float, weight: int = 1) -> float | None:
        """Return how long a handshake has to wait (0 if not at all), None to refuse it.

        A source of a `weight` may do so many times as much as others. `now` is monotonic.
        """
        until = max(now, self._until.get(source, now)) + 1 / (PER_SECOND * weight)
        all_until = max(now, self._all_until) + 1 / ALL_PER_SECOND
        wait = max(
            0.0,
            until - now - BURST / PER_SECOND,
            all_until - now - ALL_BURST / ALL_PER_SECOND,
        )
        if wait > MAX_WAIT_SECONDS:
            return None
        self._until[source], self._all_until = until, all_until
        self._forget_rested(now)
        return wait

    def _forget_rested(self, now: float) -> None:
        if len(self._until) > self._sweep_above:
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._sweep_above = max(_FEW, 2 * len(self._until))

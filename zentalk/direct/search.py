"""The places of the other side, and the rounds in which all of them are probed.

Everything here is bounded: places, rounds, and probes in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from zentalk.wire.ip_address import Place

SEARCH_SECONDS: Final = 10.0
SEARCH_AGAIN_SECONDS: Final = 30.0
"""A path that died is missed by the other side up to a keepalive later."""
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 1.5
_GROWTH: Final = 1.5
MAX_REFLEXIVE: Final = 4
"""Places that were learned from probes; of more the oldest is forgotten."""
MAX_PROBES: Final = 320
"""Probes of one search in all, and between two keepalives: 12 kB."""
TRIGGER_SECONDS: Final = 0.1
"""A place is not asked more often because of what comes from there."""


class TargetPlaces:
    """The places where the other side may be: those it offered, and those its probes came from."""

    __slots__ = ("_asked_at", "_offered", "_reflexive")

    def __init__(self, offered: Iterable[Place]) -> None:
        self._offered = tuple(offered)
        self._reflexive: dict[Place, None] = {}
        self._asked_at: dict[Place, float] = {}

    def __iter__(self) -> Iterator[Place]:
        """Go through all of them."""
        return iter((*self._offered, *self._reflexive))

    def __contains__(self, place: object) -> bool:
        """Say whether a place is one of them."""
        return place in self._offered or place in self._reflexive

    def learn(self, place: Place) -> None:
        """Add a place from which a probe of the other side came."""
        if place in self:
            return
        self._reflexive[place] = None
        if len(self._reflexive) > MAX_REFLEXIVE:
            oldest = next(iter(self._reflexive))
            del self._reflexive[oldest]
            self._asked_at.pop(oldest, None)

    def is_due(self, place: Place, now: float) -> bool:
        """Say whether a place may be asked because something came from it."""
        return now - self._asked_at.get(place, -TRIGGER_SECONDS) >= TRIGGER_SECONDS

    def asked(self, place: Place, now: float) -> None:
        """Note that a place was asked."""
        self._asked_at[place] = now


class SearchRounds:
    """The times to probe all places, with growing pauses, until the end of the search."""

    __slots__ = ("_pause", "ends_at", "next_at")

    def __init__(self, now: float, seconds: float) -> None:
        self.ends_at = now + seconds
        self.next_at = now
        """The time of the next round."""
        self._pause = FIRST_PAUSE_SECONDS

    def take(self, now: float) -> bool:
        """Say whether a round is due, and count it as done."""
        if now < self.next_at:
            return False
        self.next_at = now + self._pause
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * _GROWTH)
        return True

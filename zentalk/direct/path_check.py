"""The times at which a path is asked again whether it is there, until it counts as dead."""

from __future__ import annotations

from typing import Final

from zentalk.wire.ip_address import Place

KEEPALIVE_SECONDS: Final = 15.0
"""Half of the shortest time for which NATs keep a way open (RFC 4787 says two minutes at least;
many keep to 30 seconds)."""
RETRY_SECONDS: Final = 1.0
TRIES: Final = 4
"""Probes without answer after which a path is dead."""
_RECENT_SECONDS: Final = 2.0


class PathCheck:
    """The checks of one place; the first is at `first_at`, and one without answer is repeated."""

    __slots__ = ("_retry_seconds", "_unanswered", "next_at", "place")

    def __init__(self, place: Place, first_at: float, retry_seconds: float = RETRY_SECONDS) -> None:
        self.place = place
        self.next_at = first_at
        """The time at which there is something to do."""
        self._retry_seconds = retry_seconds
        self._unanswered = 0

    def is_dead(self, now: float) -> bool:
        """Say whether too many checks had no answer."""
        return self._unanswered >= TRIES and now >= self.next_at

    def take(self, now: float) -> bool:
        """Say whether to send one now, and count it as sent."""
        if now < self.next_at:
            return False
        self._unanswered += 1
        self.next_at = now + self._retry_seconds
        return True

    def answered(self, now: float) -> None:
        """Note that the place is there."""
        self._unanswered = 0
        self.next_at = now + KEEPALIVE_SECONDS

    def hurry(self, now: float) -> None:
        """Check at once, unless that was done just now or is going on."""
        if self._unanswered == 0 and self.next_at - now < KEEPALIVE_SECONDS - _RECENT_SECONDS:
            self.next_at = now

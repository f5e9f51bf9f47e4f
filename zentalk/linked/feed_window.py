"""How far the first goes ahead of what its replica has said to have.

A few pages may be under way: a replica that is off must not have a whole history waiting for it
at relays. What is lost on the way is noticed by the replica's silence about it, and sent anew from
the last number that it has; pages may overlap, and one that brings nothing new is no harm.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_PAGES: Final = 16
"""Pages under way: at 28 kB each, a relay that keeps them for a replica keeps half a megabyte."""
QUIET_SECONDS: Final = 300.0
"""If nothing is under way any more and the replica has said nothing for so long, it was lost."""


class FeedWindow:
    """Sending one feed to one replica, which has everything up to `acked`."""

    def __init__(self, acked: int) -> None:
        self.acked = acked
        self._upto: deque[int] = deque()
        self._stamp = 0
        self._moved_at = float("-inf")

    @property
    def sent(self) -> int:
        """The number from which the next page goes on."""
        return self._upto[-1] if self._upto else self.acked

    def has_room(self) -> bool:
        """Tell whether another page may be sent."""
        return len(self._upto) < MAX_PAGES

    def page_sent(self, upto: int, now: float) -> None:
        """Note that a page went out which begins at `sent`."""
        self._upto.append(upto)
        self._moved_at = now

    def heard(self, number: int, stamp: int, now: float) -> bool:
        """Take the replica's word of what it has; False if a later word was here before.

        It may be less than it said before: its folder was restored from an old copy.
        """
        if stamp <= self._stamp:
            return False
        if number < self.acked:
            self._upto.clear()
        self._stamp, self.acked, self._moved_at = stamp, number, now
        while self._upto and self._upto[0] <= number:
            self._upto.popleft()
        return True

    def nothing_under_way(self, now: float) -> bool:
        """Note that no page lies in the outbox; True if some were lost, and are to be sent anew."""
        if not self._upto or now < self._moved_at + QUIET_SECONDS:
            return False
        self._upto.clear()
        return True

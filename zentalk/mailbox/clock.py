"""The mailbox's calendar: hours for expiry that no clock step can push, days for validity.

Spec: docs/spec/mailbox.md section 8. Mail ages with the monotonic clock; the wall clock
only steers it, slowly. So a computer whose date jumps expires nothing early.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import DAY_SECONDS, Day
from zentalk.mailbox.settings import HOUR_SECONDS

SLEW: Final = 1 / 24
"""Seconds of correction per second: a step of one hour is followed within a day, and
mail lives at least 24/25 of its time whatever the wall clock does."""


class MailClock:
    """Turns monotonic `now` (seconds) into hours and days since 1970.

    Starts at `wall`, or at `kept_hour` if that is later: time never runs backwards over
    a restart.
    """

    __slots__ = ("_aged", "_read_at", "_wall")

    def __init__(self, wall: float, now: float, kept_hour: int) -> None:
        self._wall = wall - now
        self._aged = max(wall, kept_hour * HOUR_SECONDS) - now
        self._read_at = now

    def read(self, wall: float, now: float) -> None:
        """Take note of the wall clock and follow it as far as SLEW allows."""
        limit = max(0.0, now - self._read_at) * SLEW
        self._read_at = now
        self._wall = wall - now
        self._aged += min(limit, max(-limit, self._wall - self._aged))

    def hour(self, now: float) -> int:
        """The hour in which envelopes arrive and expire."""
        return int((self._aged + now) // HOUR_SECONDS)

    def hour_after(self, now: float, seconds: float) -> int:
        """The first full hour at or after `now + seconds`."""
        return -int(-(self._aged + now + seconds) // HOUR_SECONDS)

    def aged_day(self, now: float) -> Day:
        """The day by the clock that never steps: for removing what is over."""
        return Day(int((self._aged + now) // DAY_SECONDS))

    def epoch(self, now: float) -> int:
        """The hour by the wall clock: for proof of work, which senders date by theirs."""
        return int((self._wall + now) // HOUR_SECONDS)

    def day(self, now: float) -> Day:
        """The day by the wall clock: for send ids, which senders choose by theirs."""
        return Day(int((self._wall + now) // DAY_SECONDS))

"""Notices that another program collects our mailboxes: it runs on a copy of our folder.

Plain synchronous code, times in seconds. A mailbox has one collector, the one that came last: of
two programs with one folder each gets a part of the mail, and deletes it at the relay, so that the
other never sees it. Nothing is done against that here, as nobody knows which one the owner wants;
but it must never happen without being told to whoever is pushed aside. A relay can bring about the
warning by lying, and nothing else: no mailbox is given up for it.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import DAY_SECONDS

NOTICES: Final = 2
"""Being pushed aside once may be a relay's mistake; who goes on is pushed aside again, and both
mailboxes tell it."""
WITHIN_SECONDS: Final = 3600.0
TOLD_SECONDS: Final = float(DAY_SECONDS)
"""For so long the owner is warned after the last time."""
NOTE: Final = (
    "another program collects the mail of this address: it runs on a copy of this data folder."
    " Messages that it has received are missing here, and what the two send cannot all be read."
    " Stop one of them for good, and never start a copy while the original runs"
)


class CopyAlarm:
    """How often we were pushed aside, and whether the owner is to know."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._told_until = float("-inf")

    def noticed(self, now: float) -> bool:
        """Note that we were pushed aside; True if the owner is to be told of it anew."""
        lately = [at for at in self._times if at > now - WITHIN_SECONDS]
        self._times = [*lately[-NOTICES:], now]
        if len(self._times) < NOTICES:
            return False
        is_news = not self.is_active(now)
        self._told_until = now + TOLD_SECONDS
        return is_news

    def is_active(self, now: float) -> bool:
        """Tell whether the owner is to be warned now."""
        return now < self._told_until

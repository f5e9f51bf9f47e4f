"""When a link pings, and when it counts as dead.

Spec: docs/spec/link.md section 9. Only links of clients and inner links have a
keepalive: the initiator pings after silence, both ends give up after a longer one. Time
comes in as an argument.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

PING_SECONDS: Final = 30.0
DEAD_SECONDS: Final = 75.0


class Due(Enum):
    """What a link has to do now."""

    NOTHING = "wait"
    PING = "send a ping"
    DEAD = "close the link"


class Keepalive:
    """The silence of one link's peer; `pings` is for its initiator."""

    __slots__ = ("_heard_at", "_ping_at", "_pings")

    def __init__(self, now: float, *, pings: bool) -> None:
        self._pings = pings
        self._heard_at = now
        self._ping_at = now + PING_SECONDS

    def heard(self, now: float) -> None:
        """Note that bytes of the peer arrived."""
        self._heard_at = now
        self._ping_at = now + PING_SECONDS

    def next_deadline(self) -> float:
        """Return when to call `due` next."""
        dead_at = self._heard_at + DEAD_SECONDS
        return min(dead_at, self._ping_at) if self._pings else dead_at

    def due(self, now: float) -> Due:
        """Return what is to be done at `now`."""
        if now >= self._heard_at + DEAD_SECONDS:
            return Due.DEAD
        if self._pings and now >= self._ping_at:
            self._ping_at = now + PING_SECONDS
            return Due.PING
        return Due.NOTHING

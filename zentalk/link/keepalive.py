"""Times the pings of a link, and tells when it counts as dead.

Spec: docs/spec/link.md section 9. Clients' and inner links are always watched: the
initiator pings after silence, both ends give up after a longer one. A link of two
relays is watched only while something that was sent has met with silence, so that idle
ones stay silent. Time comes in as an argument.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Final

PING_SECONDS: Final = 30.0
DEAD_SECONDS: Final = 75.0


class Due(Enum):
    """An action that is due on a link."""

    NOTHING = "wait"
    PING = "send a ping"
    DEAD = "close the link"


class Keepalive:
    """The silence of one link's peer.

    `pings` is for ends that ask; `always` watches from the beginning, else only from
    `sent` until `heard`.
    """

    __slots__ = ("_always", "_ping_at", "_pings", "_silent_since")

    def __init__(self, now: float, *, pings: bool, always: bool) -> None:
        self._pings = pings
        self._always = always
        self._silent_since = math.inf
        self._ping_at = math.inf
        self.heard(now)

    def heard(self, now: float) -> None:
        """Note that bytes of the peer arrived."""
        self._silent_since = now if self._always else math.inf
        self._ping_at = self._silent_since + PING_SECONDS

    def sent(self, now: float) -> None:
        """Note that something other than a ping or its answer was sent."""
        if self._silent_since == math.inf:
            self._silent_since = now
            self._ping_at = now + PING_SECONDS

    def next_deadline(self) -> float:
        """Return when to call `due` next; infinity while the link is not watched."""
        dead_at = self._silent_since + DEAD_SECONDS
        return min(dead_at, self._ping_at) if self._pings else dead_at

    def next_look(self, now: float) -> float:
        """Return when to call `due` at the latest, whatever happens until then.

        What is always watched has deadlines that only move away; others may come into being.
        """
        deadline = self.next_deadline()
        return deadline if self._always else min(deadline, now + PING_SECONDS)

    def due(self, now: float) -> Due:
        """Return what is to be done at `now`."""
        if now >= self._silent_since + DEAD_SECONDS:
            return Due.DEAD
        if self._pings and now >= self._ping_at:
            self._ping_at = now + PING_SECONDS
            return Due.PING
        return Due.NOTHING

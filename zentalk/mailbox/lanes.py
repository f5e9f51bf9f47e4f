"""The places of a collector in the mail of contacts and in that of strangers.

Spec: docs/spec/mailbox.md section 5. The two are pushed each in its own order, so that whatever
strangers send, and an owner has no room for, never stands before what a contact sends. Only
numbers and times; what is pushed is decided in `delivery.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

DEFER_SECONDS: Final = 24 * 3600.0
"""Mail that an owner has no room for is not pushed again for so long, unless it opens anew."""
STRANGERS_PART: Final = 4
"""Strangers' mail holds at most one of so many parts of a window, and one envelope at least."""
_MAX_DEFERRED: Final = 4_096
"""A bound above what can wait of strangers; without one, what was displaced since would pile up."""


@dataclass(slots=True, eq=False, repr=False)
class PushLane:
    """One of the two orders of one session.

    Everything up to `cursor` was pushed or deferred; `read_round` tells a current reading of the
    store from one that going back has made stale. `_deferred` has until when.
    """

    public: bool
    cursor: int = -1
    reading: bool = False
    read_round: int = 0
    _deferred: dict[int, float] = field(default_factory=dict)

    def go_back(self, first: int) -> int:
        """Go back to before a number; return the highest that is to be pushed again."""
        last, self.cursor = self.cursor, first - 1
        self.reading = False
        self.read_round += 1
        return last

    def defer(self, seq: int, now: float) -> None:
        """Leave a number out until its time has come."""
        if len(self._deferred) >= _MAX_DEFERRED:
            del self._deferred[next(iter(self._deferred))]
        self._deferred[seq] = now + DEFER_SECONDS

    def is_deferred(self, seq: int) -> bool:
        """Tell whether a number is to be left out."""
        return seq in self._deferred

    def take_due(self, now: float) -> int | None:
        """Leave out no longer what was deferred long ago; return the lowest number of it."""
        due = []
        while self._deferred and next(iter(self._deferred.values())) <= now:
            due.append(next(iter(self._deferred)))
            del self._deferred[due[-1]]
        return min(due, default=None)

"""How patient a node is with a relay that stays away, before it takes another for its mailbox.

Spec: docs/spec/mailbox.md section 11. Plain synchronous code. Whoever can make mailboxes fail
must not be able to make a node walk from relay to relay: each replacement that was not asked for
makes the next one wait twice as long, until a mailbox has worked for an hour.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from zentalk.node.relays.troubles import Troubles

REPLACE_AFTER_SECONDS: Final = 600.0
"""A relay that is away for ten minutes is replaced; a restart takes seconds."""
ALONE_SECONDS: Final = 20.0
"""The same while no mailbox can be reached at all: until there is another, nothing arrives."""
WORKS_SECONDS: Final = 3600.0
"""A mailbox that was collected for so long ends the series."""
MAX_DOUBLINGS: Final = 7
"""Ten minutes become 21 hours."""


class Replacements:
    """The replacements of each slot that nobody asked for, in a row."""

    def __init__(self) -> None:
        self._in_a_row: Counter[int] = Counter()
        self.troubles = Troubles("mailbox_not_collected")
        """Why the mailbox of a slot is not collected, for the log."""

    def after_seconds(self, slot: int) -> float:
        """Return for how long a relay must stay away before its mailbox is replaced."""
        return REPLACE_AFTER_SECONDS * self._factor(slot)

    def alone_seconds(self, slot: int) -> float:
        """Return the same for a mailbox that has worked, while none can be reached."""
        return ALONE_SECONDS * self._factor(slot)

    def replaced(self, slot: int) -> None:
        """Note that the mailbox of a slot was replaced."""
        self._in_a_row[slot] += 1

    def served(self, slot: int, seconds: float) -> None:
        """Note for how long the mailbox of a slot was collected without a break."""
        if seconds >= WORKS_SECONDS:
            del self._in_a_row[slot]

    def _factor(self, slot: int) -> int:
        return 1 << min(self._in_a_row[slot], MAX_DOUBLINGS)

"""Which of two nodes with one address goes on: the one with the higher term.

A term counts how often the owner has promoted a node. It stands in the user record, so that the
node that was the first reads it there, and in all that goes out in a ratchet that was not answered
yet, so that contacts learn of it from the node itself. Who guesses a term gains nothing: it counts
only from behind the owner's own seal or ratchet.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

MAX_TERM: Final = 2**32 - 1
CHECK_SECONDS: Final = 3_600.0
"""How often a node reads its own record."""
PATIENCE_SECONDS: Final = 120.0
"""So long a node that starts waits for its own record before it collects: relays that answer
nothing must not keep its owner from the mail."""


class TermVerdict(Enum):
    """What a node is for the address that it holds."""

    FIRST = "first"
    """It speaks for the address, or is about to find out that it does not."""
    OUTDONE = "outdone"
    """Another node of the owner has a higher term: this one is silent."""


def judge(own: int, seen: int | None) -> TermVerdict:
    """Compare our term with the one in our published record; None if there is no record."""
    return TermVerdict.OUTDONE if seen is not None and seen > own else TermVerdict.FIRST


def next_term(known: int) -> int:
    """Return the term of a node that is promoted, above the highest it knows."""
    return min(known + 1, MAX_TERM)

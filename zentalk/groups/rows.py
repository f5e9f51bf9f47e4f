"""An entry in its place in a log, and what can become of one that is brought.

Only values, and how bits stand for sets of rows. Nothing here checks or decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import Create


class EntryFault(Enum):
    """Why an entry is not let in."""

    OTHER_GROUP = "it belongs to another group"
    SECOND_FOUNDING = "a group is founded once"
    CHAIN = "its hash of what came before does not fit what is held"
    SAME_NAME = "another entry is held under the same short name"
    SEQUENCE = "its number does not follow its author's last one"
    GRANT = "what it rests on gives its author no right to it"
    AFTER_LEAVING = "its author had left, or stepped down, before"
    FULL = "the log is full"
    NO_ROOM_TO_WAIT = "too many entries wait for others; ask for it again"


class InsertOutcome(Enum):
    """What became of an entry."""

    ADDED = "added"
    KNOWN = "known"
    WAITING = "waiting"
    """It waits for ancestors: see `GroupLog.missing`."""
    REFUSED = "refused"


class Insertion(NamedTuple):
    """What became of an entry; `added` is it and what had waited for it, ancestors first."""

    outcome: InsertOutcome
    fault: EntryFault | None = None
    added: tuple[GroupEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRow:
    """An entry in its place. Bit n of a number stands for the row with index n."""

    entry: GroupEntry
    index: int
    ancestors: int
    grant: int
    """Index of the entry that it rests on; of the founding entry its own."""
    rank: int
    """The rank that its author signs with, as far as what it rests on counts."""
    depth: int
    """The longest way to the founding entry; only for what is shown, as authors can choose it."""

    @property
    def bit(self) -> int:
        """The bit that stands for this row."""
        return 1 << self.index

    @property
    def confers(self) -> int:
        """The rank that this entry gives somebody, if it founds or grants."""
        return 0 if isinstance(self.entry.act, Create) else self.rank + 1


def indexes(bits: int) -> Iterator[int]:
    """Yield the indexes of the rows that these bits stand for, from the lowest."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest

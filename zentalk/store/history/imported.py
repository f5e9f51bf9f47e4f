"""Places in the history for messages that were imported: below 0, by the time of each.

What was shown here keeps its number, and everything imported stands before it: an order that was
once shown never changes. The number of an imported message is made of its time, so that several
files come together as they were, in whatever order and however often they are imported.
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.chat.portable import PortableLine
from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction

FIRST: Final = 1 - 2**53
"""The lowest number, which JSON still holds exactly; what is asked for after -2^53 has it."""
_PER_MILLISECOND: Final = 2**11


def place_after(tx: Transaction, at: float, after: int | None) -> int:
    """Return the first free number for what was written at a unix time, and after a number."""
    number = FIRST + int(at * 1000) * _PER_MILLISECOND
    if after is not None:
        number = max(number, after + 1)
    while True:
        end = number - (number - FIRST) % _PER_MILLISECOND + _PER_MILLISECOND
        row = tx.execute(
            "SELECT max(seq) FROM messages WHERE seq >= ? AND seq < ?", (number, end)
        ).fetchone()
        if row[0] is None:
            return number
        number = int(row[0]) + 1


def time_of(place: int) -> float:
    """Return the unix time that a number below 0 stands for: it never goes back with them."""
    return (place - FIRST) // _PER_MILLISECOND / 1000


def place_of(tx: Transaction, contact: UserAddress, line: PortableLine) -> int | None:
    """Return the number of a message if it is here already, shown or not."""
    row = tx.execute(
        "SELECT seq FROM messages WHERE contact = ? AND id = ? AND (author = ? OR kind = ?)",
        (contact, line.message_id, line.author, _written_by_nobody(line)),
    ).fetchone()
    return None if row is None else int(row[0])


def _written_by_nobody(line: PortableLine) -> str | None:
    """Return the kind of a line whose author may be kept in two ways."""
    return RATCHET_RENEWED if line.kind == RATCHET_RENEWED else None

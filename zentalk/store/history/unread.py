"""The unread count of a conversation, kept in its row: what came in last is what is unread.

So whether one message is among the unread ones follows from the count and what came after it.
"""

from __future__ import annotations

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction


def add(tx: Transaction, contact: UserAddress, count: int) -> None:
    """Raise the count."""
    tx.execute("UPDATE contacts SET unread = unread + ? WHERE address = ?", (count, contact))


def read_up_to(tx: Transaction, contact: UserAddress, seq: int | None) -> int | None:
    """Leave unread what came in after a place, None: nothing; return the count if it changes."""
    before = _count(tx, contact)
    return _set(tx, contact, before, 0 if seq is None else _came_after(tx, contact, seq, before))


def is_gone(tx: Transaction, contact: UserAddress, seq: int) -> int | None:
    """Count a line that came in and is not shown any more; return the count if it changes."""
    before = _count(tx, contact)
    if _came_after(tx, contact, seq, before) == before:
        return None  # that many came later, so this one was read
    return _set(tx, contact, before, before - 1)


def _count(tx: Transaction, contact: UserAddress) -> int:
    row = tx.execute("SELECT unread FROM contacts WHERE address = ?", (contact,)).fetchone()
    return 0 if row is None else int(row[0])


def _came_after(tx: Transaction, contact: UserAddress, seq: int, most: int) -> int:
    """Return how many lines that are shown came in after a place, at most `most`."""
    row = tx.execute(
        "SELECT count(*) FROM (SELECT 1 FROM messages WHERE contact = ? AND seq > max(?, 0)"
        " AND hidden = 0 AND deleted = 0 AND direction = 'in' AND kind <> ? LIMIT ?)",
        (contact, seq, RATCHET_RENEWED, most),
    ).fetchone()
    return int(row[0])


def _set(tx: Transaction, contact: UserAddress, before: int, after: int) -> int | None:
    if after == before:
        return None
    tx.execute("UPDATE contacts SET unread = ? WHERE address = ?", (after, contact))
    return after

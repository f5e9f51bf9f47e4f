"""Pages of the history: of one conversation in both directions, starred, and pinned."""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.store.history.messages import COLUMNS, views
from zentalk.store.history.models import StoredMessage
from zentalk.store.sqlite import Transaction


def page(
    tx: Transaction, contact: UserAddress, before: int | None, limit: int
) -> list[StoredMessage]:
    """Return up to `limit` lines of a conversation with seq < before, newest last."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE contact = ? AND seq < ? AND hidden = 0"
        " ORDER BY seq DESC LIMIT ?",
        (contact, before if before is not None else 2**62, limit),
    ).fetchall()
    return views(tx, rows[::-1])


def starred(tx: Transaction, before: int | None, limit: int) -> list[StoredMessage]:
    """Return up to `limit` starred lines of all conversations with seq < before, newest last."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE starred = 1 AND seq < ? ORDER BY seq DESC LIMIT ?",
        (before if before is not None else 2**62, limit),
    ).fetchall()
    return views(tx, rows[::-1])


def pinned(tx: Transaction, contact: UserAddress, limit: int) -> list[StoredMessage]:
    """Return up to `limit` pinned lines of a conversation, newest last."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE contact = ? AND pinned = 1"
        " ORDER BY seq DESC LIMIT ?",
        (contact, limit),
    ).fetchall()
    return views(tx, rows[::-1])


def around(tx: Transaction, contact: UserAddress, seq: int, limit: int) -> list[StoredMessage]:
    """Return up to `limit` lines of a conversation, half of them before a number, newest last."""
    earlier = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE contact = ? AND seq < ? AND hidden = 0"
        " ORDER BY seq DESC LIMIT ?",
        (contact, seq, limit // 2),
    ).fetchall()
    return views(tx, earlier[::-1]) + after(tx, contact, seq - 1, limit - len(earlier))


def after(tx: Transaction, contact: UserAddress, seq: int, limit: int) -> list[StoredMessage]:
    """Return up to `limit` lines of a conversation with a number above one, oldest first."""
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE contact = ? AND seq > ? AND hidden = 0"
        " ORDER BY seq LIMIT ?",
        (contact, seq, limit),
    ).fetchall()
    return views(tx, rows)


def first_since(tx: Transaction, contact: UserAddress, at: float) -> int | None:
    """Return the number of the first line of a conversation that was stored since a unix time."""
    row = tx.execute(
        "SELECT min(seq) FROM messages WHERE contact = ? AND hidden = 0 AND stored_at >= ?",
        (contact, at),
    ).fetchone()
    return None if row[0] is None else int(row[0])

"""Rows of parts of long messages, until all parts of one are here."""

from __future__ import annotations

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction


def unfinished(tx: Transaction, contact: UserAddress) -> int:
    """Return of how many messages of a contact only some parts are here."""
    row = tx.execute(
        "SELECT count(DISTINCT message_id) FROM parts WHERE contact = ?", (contact,)
    ).fetchone()
    return int(row[0])


def other_parts(
    tx: Transaction, contact: UserAddress, message_id: MessageId, part: int
) -> tuple[int, int]:
    """Return how many other parts of a message are here, and their bytes together."""
    row = tx.execute(
        "SELECT count(*), coalesce(sum(length(data)), 0) FROM parts"
        " WHERE contact = ? AND message_id = ? AND part <> ?",
        (contact, message_id, part),
    ).fetchone()
    return int(row[0]), int(row[1])


def add_part(
    tx: Transaction,
    *,
    contact: UserAddress,
    message_id: MessageId,
    part: int,
    parts: int,
    data: bytes,
    now: float,
) -> bytes | None:
    """Keep one part of a long message; return the whole once the last has come."""
    tx.execute(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (contact, message_id, part, parts, data, now),
    )
    rows = tx.execute(
        "SELECT data FROM parts WHERE contact = ? AND message_id = ? AND parts = ? ORDER BY part",
        (contact, message_id, parts),
    ).fetchall()
    if len(rows) < parts:
        return None
    tx.execute("DELETE FROM parts WHERE contact = ? AND message_id = ?", (contact, message_id))
    return b"".join(row[0] for row in rows)


def forget_parts(tx: Transaction, before: float) -> None:
    """Drop parts of messages that never became whole."""
    tx.execute("DELETE FROM parts WHERE stored_at < ?", (before,))

"""Deletes single messages for good: their text leaves the row, the marks and the event log.

The empty row stays, for by its id a copy that comes again is known.
"""

from __future__ import annotations

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import events, file_messages, marks, messages
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget
from zentalk.wire.text import format_address


def erase(tx: Transaction, contact: UserAddress, target: MessageTarget) -> dict[str, str]:
    """Delete a message from this history; return what names it to the owner's devices."""
    file_messages.let_go(tx, contact, target)
    tx.execute(
        "UPDATE messages SET text = '', content = NULL, hidden = 1, deleted = 1, starred = 0,"
        " pinned = 0, marked = 0, expires_at = NULL WHERE contact = ? AND author = ? AND id = ?",
        (contact, *target),
    )
    marks.forget(tx, contact, target)
    emptied = messages.at(tx, contact, target)
    if emptied is not None:
        events.take_out(tx, emptied)
    return {"conversation": format_address(contact), "id": target.message_id.hex()}


def expired(tx: Transaction, now: float, limit: int) -> list[tuple[UserAddress, MessageTarget]]:
    """Return messages whose time was over at a unix time, the earliest first."""
    rows = tx.execute(
        "SELECT contact, author, id FROM messages WHERE expires_at <= ?"
        " ORDER BY expires_at LIMIT ?",
        (now, limit),
    )
    return [
        (UserAddress(contact), MessageTarget(UserAddress(author), MessageId(message_id)))
        for contact, author, message_id in rows.fetchall()
    ]


def next_expiry(tx: Transaction) -> float | None:
    """Return when the next message disappears (unix seconds)."""
    row = tx.execute("SELECT min(expires_at) FROM messages WHERE expires_at IS NOT NULL").fetchone()
    return None if row[0] is None else float(row[0])

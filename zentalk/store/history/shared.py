"""Rows of lines that an admin of a group shares with somebody who came later.

At whoever shares they are lines as all others; at whoever gets them they stand before everything
that was here, with the admin on whose word they are there. Queries only.
"""

from __future__ import annotations

from typing import NamedTuple

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget


class ShareableLine(NamedTuple):
    """A line as it is shown here; `shown_at` is when that began, in unix seconds."""

    author: UserAddress
    message_id: MessageId
    kind: str
    text: str
    content: bytes | None
    sent_at: float
    shown_at: float

    def __repr__(self) -> str:
        return f"<shareable line of kind {self.kind}>"


def newest(tx: Transaction, conversation: UserAddress, count: int) -> list[ShareableLine]:
    """Return the newest lines that may be shared, newest first.

    Not among them is what was taken back, disappears, failed, or is here on another's word.
    """
    rows = tx.execute(
        "SELECT author, id, kind, text, content, sent_at, stored_at FROM messages"
        " WHERE contact = ? AND seq > 0 AND hidden = 0 AND deleted = 0 AND shared_by IS NULL"
        " AND timer_seconds = 0 AND expires_at IS NULL AND state <> 'failed' AND kind <> ?"
        " ORDER BY seq DESC LIMIT ?",
        (conversation, RATCHET_RENEWED, count),
    )
    return [ShareableLine(*row) for row in rows]


def is_here(tx: Transaction, conversation: UserAddress, target: MessageTarget) -> bool:
    """Tell whether a line is in a conversation, or waits to be: from its author, or shared."""
    row = tx.execute(
        "SELECT EXISTS (SELECT 1 FROM messages WHERE contact = ?1 AND author = ?2 AND id = ?3)"
        " OR EXISTS (SELECT 1 FROM held WHERE contact = ?1 AND author = ?2 AND message_id = ?3)",
        (conversation, *target),
    ).fetchone()
    return bool(row[0])


def kept(tx: Transaction, conversation: UserAddress) -> tuple[int, int]:
    """Return how many shared lines a conversation has, and their bytes."""
    row = tx.execute(
        "SELECT count(*), coalesce(sum(length(CAST(text AS BLOB)) + coalesce(length(content), 0)),"
        " 0) FROM messages WHERE contact = ? AND shared_by IS NOT NULL",
        (conversation,),
    ).fetchone()
    return int(row[0]), int(row[1])


def give_way(tx: Transaction, conversation: UserAddress, target: MessageTarget) -> bool:
    """Drop a shared line, as its author has sent it; False if there is none, or it was erased."""
    dropped = tx.execute(
        "DELETE FROM messages WHERE contact = ? AND author = ? AND id = ?"
        " AND shared_by IS NOT NULL AND hidden = 0",
        (conversation, *target),
    )
    return dropped.rowcount > 0

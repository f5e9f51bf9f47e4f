"""Rows of what belongs to a conversation as a whole: timer, mute, draft, what was told as read.

The columns `draft_at` and `read_seq` of earlier versions are neither written nor read.
"""

from __future__ import annotations

from typing import NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction


class TimerRow(NamedTuple):
    """The timer in force: the number and author that made it win, and its seconds."""

    number: int
    author: UserAddress
    seconds: int

    def __repr__(self) -> str:
        return f"<timer of {self.seconds} s>"


def timer(tx: Transaction, contact: UserAddress) -> TimerRow:
    """Return the timer of a conversation; 0 seconds if there is none."""
    row = tx.execute(
        "SELECT timer_number, timer_author, timer_seconds FROM chats WHERE contact = ?", (contact,)
    ).fetchone()
    return TimerRow(0, UserAddress(b""), 0) if row is None else TimerRow(*row)


def set_timer(tx: Transaction, contact: UserAddress, row: TimerRow) -> None:
    """Set the timer of a conversation."""
    _add(tx, contact)
    tx.execute(
        "UPDATE chats SET timer_number = ?, timer_author = ?, timer_seconds = ? WHERE contact = ?",
        (*row, contact),
    )


def mute(tx: Transaction, contact: UserAddress, until: float) -> None:
    """Mute a conversation until a unix time; 0 ends it."""
    _add(tx, contact)
    tx.execute("UPDATE chats SET muted_until = ? WHERE contact = ?", (until, contact))


def muted_until(tx: Transaction, contact: UserAddress) -> float:
    """Return until when a conversation is muted, in unix seconds; 0 if it is not."""
    row = tx.execute("SELECT muted_until FROM chats WHERE contact = ?", (contact,)).fetchone()
    return 0.0 if row is None else float(row[0])


def put_draft(tx: Transaction, contact: UserAddress, text: str) -> None:
    """Keep what is half written; an empty text drops it."""
    _add(tx, contact)
    tx.execute("UPDATE chats SET draft = ? WHERE contact = ?", (text, contact))


def draft(tx: Transaction, contact: UserAddress) -> str:
    """Return what is half written."""
    row = tx.execute("SELECT draft FROM chats WHERE contact = ?", (contact,)).fetchone()
    return "" if row is None else str(row[0])


def newest_received(
    tx: Transaction, contact: UserAddress, up_to: int | None = None
) -> tuple[int, MessageId] | None:
    """Return number and id of the newest line that came in, or of the newest up to a place."""
    row = tx.execute(
        "SELECT seq, id FROM messages WHERE contact = ?1 AND direction = 'in' AND hidden = 0"
        " AND kind <> 'ratchet-renewed' AND (?2 IS NULL OR seq <= ?2) ORDER BY seq DESC LIMIT 1",
        (contact, up_to),
    ).fetchone()
    return None if row is None else (int(row[0]), MessageId(row[1]))


def received_at(tx: Transaction, contact: UserAddress, message_id: MessageId) -> int | None:
    """Return the place of a line that came in; of several with this id, that of the first."""
    row = tx.execute(
        "SELECT min(seq) FROM messages WHERE id = ? AND contact = ? AND direction = 'in'",
        (message_id, contact),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def read_up_to(tx: Transaction, contact: UserAddress, seq: int, now: float) -> None:
    """Note that lines up to a number were read: from now on, those with a timer run out."""
    tx.execute(
        "UPDATE messages SET expires_at = ? + timer_seconds WHERE contact = ? AND seq <= ?"
        " AND direction = 'in' AND timer_seconds > 0 AND expires_at IS NULL",
        (now, contact, seq),
    )


def told_up_to(tx: Transaction, contact: UserAddress) -> int:
    """Return up to which number the contact was told that its lines were read."""
    row = tx.execute("SELECT told_seq FROM chats WHERE contact = ?", (contact,)).fetchone()
    return 0 if row is None else int(row[0])


def newest_by_author(
    tx: Transaction, contact: UserAddress, after: int, up_to: int
) -> list[tuple[UserAddress, MessageId]]:
    """Return the newest line of each author of a group between two numbers."""
    rows = tx.execute(
        "SELECT author, id, max(seq) FROM messages WHERE contact = ? AND seq > ? AND seq <= ?"
        " AND direction = 'in' AND hidden = 0 GROUP BY author ORDER BY author",
        (contact, after, up_to),
    )
    return [(UserAddress(row[0]), MessageId(row[1])) for row in rows]


def set_told(tx: Transaction, contact: UserAddress, seq: int, receipt: MessageId) -> MessageId:
    """Set that number, and the id of the receipt that tells it; return that of the one before."""
    _add(tx, contact)
    row = tx.execute("SELECT receipt FROM chats WHERE contact = ?", (contact,)).fetchone()
    tx.execute(
        "UPDATE chats SET told_seq = ?, receipt = ? WHERE contact = ?", (seq, receipt, contact)
    )
    return MessageId(row[0])


def seen_by(tx: Transaction, contact: UserAddress, message_id: MessageId) -> int | None:
    """Move one of our lines to `read`, and what was delivered before it; return its number.

    What nobody has confirmed may be lost, so it stays as it is. None if that changes none.
    """
    row = tx.execute(
        "SELECT seq FROM messages WHERE contact = ? AND id = ? AND direction = 'out'",
        (contact, message_id),
    ).fetchone()
    if row is None:
        return None
    named = tx.execute(
        "UPDATE messages SET state = 'read', reason = '' WHERE contact = ? AND id = ?"
        " AND direction = 'out' AND state IN ('queued', 'sent', 'delivered', 'failed')",
        (contact, message_id),
    ).rowcount
    # The first words about the state are those of the index `messages_on_the_way`.
    others = tx.execute(
        "UPDATE messages SET state = 'read', reason = '' WHERE contact = ? AND seq <= ?"
        " AND direction = 'out' AND state IN ('queued', 'sent', 'delivered')"
        " AND state = 'delivered' AND kind <> 'ratchet-renewed'",
        (contact, row[0]),
    ).rowcount
    _add(tx, contact)
    tx.execute(
        "UPDATE chats SET seen_seq = ?1 WHERE contact = ?2 AND seen_seq < ?1", (row[0], contact)
    )
    return int(row[0]) if named or others else None


def is_seen(tx: Transaction, contact: UserAddress, message_id: MessageId) -> bool:
    """Tell whether one of our lines stands where its reader has looked already."""
    row = tx.execute(
        "SELECT 1 FROM messages m JOIN chats c ON c.contact = m.contact AND m.seq <= c.seen_seq"
        " WHERE m.id = ? AND m.contact = ? AND m.direction = 'out'",
        (message_id, contact),
    ).fetchone()
    return row is not None


def _add(tx: Transaction, contact: UserAddress) -> None:
    tx.execute("INSERT INTO chats (contact) VALUES (?) ON CONFLICT DO NOTHING", (contact,))

"""Rows of messages that came before their predecessors; saved, but not yet in the history."""

from __future__ import annotations

from typing import NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction

_COLUMNS = "contact, sequence, message_id, kind, text, content, sent_at, confirmed, release_at"


class HeldMessage(NamedTuple):
    """One message that waits for those its sender wrote before it.

    `content` is the whole encoded content of a kind that this version does not know;
    `confirmed` says whether its sender is told once it is shown.
    """

    contact: UserAddress
    sequence: int
    message_id: MessageId
    kind: str
    text: str
    content: bytes | None
    sent_at: float
    confirmed: bool
    release_at: float

    def __repr__(self) -> str:
        return f"<held message, release at {self.release_at:.0f}>"


def add(tx: Transaction, message: HeldMessage) -> None:
    """Hold a message back; the same one again changes nothing."""
    tx.execute(
        f"INSERT INTO held ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        message,
    )


def first(tx: Transaction, contact: UserAddress) -> HeldMessage | None:
    """Return a contact's held message with the lowest sequence number."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM held WHERE contact = ? ORDER BY sequence LIMIT 1", (contact,)
    ).fetchone()
    return None if row is None else HeldMessage(*row)


def exists(tx: Transaction, contact: UserAddress, message_id: MessageId) -> bool:
    """Tell whether a message of a contact is held."""
    row = tx.execute(
        "SELECT 1 FROM held WHERE contact = ? AND message_id = ?", (contact, message_id)
    ).fetchone()
    return row is not None


def count(tx: Transaction, contact: UserAddress) -> int:
    """Return how many messages of a contact are held."""
    row = tx.execute("SELECT count(*) FROM held WHERE contact = ?", (contact,)).fetchone()
    return int(row[0])


def remove(tx: Transaction, contact: UserAddress, message_id: MessageId) -> None:
    """Drop a message that was released."""
    tx.execute("DELETE FROM held WHERE contact = ? AND message_id = ?", (contact, message_id))


def overdue(tx: Transaction, now: float, longest_seconds: float) -> list[UserAddress]:
    """Return contacts with a message that is held no longer (unix seconds).

    Nothing is held for longer than `longest_seconds`, also when the clock was set back.
    """
    rows = tx.execute(
        "SELECT DISTINCT contact FROM held WHERE release_at <= ?1 OR release_at > ?1 + ?2",
        (now, longest_seconds),
    )
    return [UserAddress(row[0]) for row in rows]


def next_release(tx: Transaction) -> float | None:
    """Return when the next held message is to be let in (unix seconds)."""
    row = tx.execute("SELECT min(release_at) FROM held").fetchone()
    return None if row[0] is None else float(row[0])


def last_sequence(tx: Transaction, contact: UserAddress) -> int:
    """Return the number of the newest message of a contact that is in the history."""
    row = tx.execute("SELECT last_sequence FROM contacts WHERE address = ?", (contact,)).fetchone()
    return 0 if row is None else int(row[0])


def set_last_sequence(tx: Transaction, contact: UserAddress, sequence: int) -> None:
    """Set that number."""
    tx.execute("UPDATE contacts SET last_sequence = ? WHERE address = ?", (sequence, contact))

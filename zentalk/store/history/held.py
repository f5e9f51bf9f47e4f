"""Rows of messages that came before their predecessors; saved, but not yet in the history."""

from __future__ import annotations

from typing import NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction

_COLUMNS = (
    "contact, sequence, message_id, kind, text, content, sent_at, confirmed, release_at, author"
)


class Series(NamedTuple):
    """The messages of one author in one conversation, which that author has numbered from 1."""

    conversation: UserAddress
    author: UserAddress

    @property
    def is_in_group(self) -> bool:
        """Whether the conversation is a group's; with a person it has that person's address."""
        return self.conversation != self.author

    def __repr__(self) -> str:
        return "<series>"


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
    author: UserAddress

    @property
    def series(self) -> Series:
        """Among which messages it has its place."""
        return Series(self.contact, self.author)

    def __repr__(self) -> str:
        return f"<held message, release at {self.release_at:.0f}>"


def add(tx: Transaction, message: HeldMessage) -> None:
    """Hold a message back; the same one again changes nothing."""
    tx.execute(
        f"INSERT INTO held ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        message,
    )


def first(tx: Transaction, series: Series) -> HeldMessage | None:
    """Return the held message of a series with the lowest sequence number."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM held WHERE contact = ? AND author = ? ORDER BY sequence LIMIT 1",
        series,
    ).fetchone()
    return None if row is None else HeldMessage(*row)


def exists(tx: Transaction, author: UserAddress, message_id: MessageId) -> bool:
    """Tell whether a message of somebody is held, in whatever conversation."""
    row = tx.execute(
        "SELECT 1 FROM held WHERE author = ? AND message_id = ?", (author, message_id)
    ).fetchone()
    return row is not None


def count(tx: Transaction, series: Series) -> int:
    """Return how many messages of a series are held."""
    row = tx.execute(
        "SELECT count(*) FROM held WHERE contact = ? AND author = ?", series
    ).fetchone()
    return int(row[0])


def remove(tx: Transaction, message: HeldMessage) -> None:
    """Drop a message that was released."""
    tx.execute(
        "DELETE FROM held WHERE contact = ? AND author = ? AND message_id = ?",
        (message.contact, message.author, message.message_id),
    )


def overdue(tx: Transaction, now: float, longest_seconds: float) -> list[Series]:
    """Return the series with a message that is held no longer (unix seconds).

    Nothing is held for longer than `longest_seconds`, also when the clock was set back.
    """
    rows = tx.execute(
        "SELECT DISTINCT contact, author FROM held WHERE release_at <= ?1 OR release_at > ?1 + ?2",
        (now, longest_seconds),
    )
    return [Series(*row) for row in rows]


def next_release(tx: Transaction) -> float | None:
    """Return when the next held message is to be let in (unix seconds)."""
    row = tx.execute("SELECT min(release_at) FROM held").fetchone()
    return None if row[0] is None else float(row[0])


def last_sequence(tx: Transaction, series: Series) -> int:
    """Return the number of the newest message of a series that is in the history."""
    if series.is_in_group:
        query = "SELECT last_sequence FROM group_members WHERE grp = ? AND member = ?"
        row = tx.execute(query, series).fetchone()
    else:
        query = "SELECT last_sequence FROM contacts WHERE address = ?"
        row = tx.execute(query, (series.author,)).fetchone()
    return 0 if row is None else int(row[0])


def set_last_sequence(tx: Transaction, series: Series, sequence: int) -> None:
    """Set that number."""
    if series.is_in_group:
        query = "UPDATE group_members SET last_sequence = ? WHERE grp = ? AND member = ?"
        tx.execute(query, (sequence, *series))
    else:
        query = "UPDATE contacts SET last_sequence = ? WHERE address = ?"
        tx.execute(query, (sequence, series.author))

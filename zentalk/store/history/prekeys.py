"""Rows of our prekeys' secrets. A one-time key is deleted by the message that uses it."""

from __future__ import annotations

from zentalk.ids import MailboxId
from zentalk.store.writer import Transaction


def add(
    tx: Transaction,
    kind: str,
    secret: bytes,
    now: float,
    mailbox: MailboxId | None = None,
) -> int:
    """Store a secret under the next id of its kind (`signed`, `pq`, `once`)."""
    row = tx.execute(
        "INSERT INTO prekeys (kind, id, mailbox, secret, created_at)"
        " SELECT ?, coalesce(max(id), 0) + 1, ?, ?, ? FROM prekeys WHERE kind = ? RETURNING id",
        (kind, mailbox, secret, now, kind),
    ).fetchone()
    return int(row[0])


def get(tx: Transaction, kind: str, number: int) -> bytes | None:
    """Return a secret, None if it never was or is used up."""
    row = tx.execute(
        "SELECT secret FROM prekeys WHERE kind = ? AND id = ?", (kind, number)
    ).fetchone()
    return None if row is None else bytes(row[0])


def newest(tx: Transaction, kind: str) -> tuple[int, bytes, float] | None:
    """Return id, secret and making time of the newest key of a kind."""
    row = tx.execute(
        "SELECT id, secret, created_at FROM prekeys WHERE kind = ? ORDER BY id DESC LIMIT 1",
        (kind,),
    ).fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]), float(row[2]))


def use_up(tx: Transaction, number: int) -> None:
    """Delete a one-time key, in the transaction that accepts its message."""
    tx.execute("DELETE FROM prekeys WHERE kind = 'once' AND id = ?", (number,))


def keep_newest_once(tx: Transaction, mailbox: MailboxId, count: int) -> None:
    """Drop all but the newest one-time keys of a mailbox."""
    tx.execute(
        "DELETE FROM prekeys WHERE kind = 'once' AND mailbox = ?1 AND id NOT IN (SELECT id"
        " FROM prekeys WHERE kind = 'once' AND mailbox = ?1 ORDER BY id DESC LIMIT ?2)",
        (mailbox, count),
    )

"""Rows of our prekeys' secrets.

A one-time key is deleted by the message that uses it, a signed or PQ prekey when nothing
that was published can name it any more.
"""

from __future__ import annotations

from zentalk.crypto.types import Entropy
from zentalk.ids import MailboxId
from zentalk.store.sqlite import Transaction


def add(
    tx: Transaction,
    kind: str,
    secret: bytes,
    now: float,
    mailbox: MailboxId | None = None,
    step: int = 1,
) -> int:
    """Store a secret under a higher id of its kind (`signed`, `pq`, `once`).

    `now` is when it begins to serve, which may be days ahead. `step` is by how much: where it is
    drawn, a database that was restored from a copy does not give another key an id that is
    published already.
    """
    row = tx.execute(
        "INSERT INTO prekeys (kind, id, mailbox, secret, created_at)"
        " SELECT ?1, coalesce(max(id), 0) + ?2, ?3, ?4, ?5 FROM prekeys WHERE kind = ?1"
        " RETURNING id",
        (kind, step, mailbox, secret, now),
    ).fetchone()
    return int(row[0])


def add_once(
    tx: Transaction, secret: bytes, now: float, mailbox: MailboxId, entropy: Entropy
) -> int:
    """Store a one-time secret under an id that is drawn.

    Two relays that compare the ids they were given must not find that one begins where the
    other ends.
    """
    while True:
        number = int.from_bytes(entropy(4), "big")
        added = tx.execute(
            "INSERT INTO prekeys (kind, id, mailbox, secret, created_at)"
            " VALUES ('once', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (number, mailbox, secret, now),
        )
        if added.rowcount:
            return number


def get(tx: Transaction, kind: str, number: int) -> bytes | None:
    """Return a secret, None if it never was or is used up."""
    row = tx.execute(
        "SELECT secret FROM prekeys WHERE kind = ? AND id = ?", (kind, number)
    ).fetchone()
    return None if row is None else bytes(row[0])


def secrets_once(tx: Transaction, mailbox: MailboxId) -> list[bytes]:
    """Return the secrets of all one-time keys of a mailbox that are not used up."""
    rows = tx.execute("SELECT secret FROM prekeys WHERE kind = 'once' AND mailbox = ?", (mailbox,))
    return [bytes(row[0]) for row in rows]


def serving(tx: Transaction, kind: str, at: float) -> tuple[int, bytes, float] | None:
    """Return id, secret and first moment of the key that serves at a unix time, or was last to."""
    row = tx.execute(
        "SELECT id, secret, created_at FROM prekeys WHERE kind = ? AND created_at <= ?"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        (kind, at),
    ).fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]), float(row[2]))


def erase_superseded(tx: Transaction, kind: str, before: float, now: float) -> int:
    """Delete keys in whose place others served before a unix time; return how many.

    Among them those of the time before that were made for a time after `now`, by a wrong clock.
    """
    gone = tx.execute(
        "DELETE FROM prekeys WHERE kind = ?1 AND (created_at <"
        " (SELECT max(created_at) FROM prekeys WHERE kind = ?1 AND created_at < ?2)"
        " OR (created_at > ?3 AND id <"
        " (SELECT max(id) FROM prekeys WHERE kind = ?1 AND created_at < ?2)))",
        (kind, before, now),
    )
    return gone.rowcount


def use_up(tx: Transaction, number: int) -> None:
    """Delete a one-time key, in the transaction that accepts its message."""
    tx.execute("DELETE FROM prekeys WHERE kind = 'once' AND id = ?", (number,))


def keep_newest_once(tx: Transaction, mailbox: MailboxId, count: int) -> None:
    """Drop all but the newest one-time keys of a mailbox."""
    tx.execute(
        "DELETE FROM prekeys WHERE kind = 'once' AND mailbox = ?1 AND id NOT IN (SELECT id"
        " FROM prekeys WHERE kind = 'once' AND mailbox = ?1 ORDER BY created_at DESC LIMIT ?2)",
        (mailbox, count),
    )

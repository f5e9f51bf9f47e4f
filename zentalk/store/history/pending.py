"""What the owner wrote at a replica and is not in the history yet. Queries only."""

from __future__ import annotations

from typing import NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction

_COLUMNS = "id, contact, content, written_at, reason, placed_at"


class PendingWrite(NamedTuple):
    """An encoded content for a conversation, in the order in which it was written.

    `reason` says why the first did not take it; `placed_at` is the number in the first's feed
    from which on it is in the history.
    """

    id: MessageId
    contact: UserAddress
    content: bytes
    written_at: float
    reason: str = ""
    placed_at: int | None = None

    def __repr__(self) -> str:
        return "<pending write>"


def add(tx: Transaction, write: PendingWrite) -> None:
    """Keep what was written; the same again changes nothing."""
    tx.execute(
        f"INSERT INTO pending ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", write
    )


def every(tx: Transaction) -> list[PendingWrite]:
    """Return all that is pending, the oldest first."""
    return [
        PendingWrite(*row) for row in tx.execute(f"SELECT {_COLUMNS} FROM pending ORDER BY number")
    ]


def count(tx: Transaction) -> int:
    """Return how much is pending."""
    return int(tx.execute("SELECT count(*) FROM pending").fetchone()[0])


def answered(tx: Transaction, request: MessageId, number: int, reason: str) -> None:
    """Note what the first has made of a write."""
    tx.execute(
        "UPDATE pending SET placed_at = ?, reason = ? WHERE id = ?",
        (None if reason else number, reason, request),
    )


def drop_placed(tx: Transaction, number: int) -> None:
    """Forget what is in the history that is here, up to a number of its feed."""
    tx.execute("DELETE FROM pending WHERE placed_at <= ?", (number,))


def remove(tx: Transaction, request: MessageId) -> bool:
    """Forget a write; False if it is not there."""
    return tx.execute("DELETE FROM pending WHERE id = ?", (request,)).rowcount > 0

"""Messages that are confirmed once the replica has them. Queries only."""

from __future__ import annotations

from collections.abc import Iterable

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history.confirmations import Unconfirmed
from zentalk.store.sqlite import Transaction


def hold(
    tx: Transaction, contact: UserAddress, messages: Iterable[Unconfirmed], number: int
) -> None:
    """Keep messages unconfirmed until a number of the feed; copies of them as well."""
    for one in messages:
        tx.execute("UPDATE seen SET held = 1 WHERE hash = ?", (one.digest,))
        tx.execute(
            "INSERT INTO unsynced (contact, message_id, number) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = excluded.number",
            (contact, one.message_id, number),
        )


def is_due(tx: Transaction, number: int) -> bool:
    """Tell whether anything has waited for a number of the feed, or for an earlier one."""
    row = tx.execute("SELECT 1 FROM unsynced WHERE number <= ? LIMIT 1", (number,)).fetchone()
    return row is not None


def take(tx: Transaction, number: int, most: int) -> list[tuple[UserAddress, MessageId]]:
    """Remove and return what waited for a number of the feed, or for an earlier one; not all."""
    rows = tx.execute(
        "DELETE FROM unsynced WHERE (contact, message_id) IN (SELECT contact, message_id"
        " FROM unsynced WHERE number <= ? ORDER BY number LIMIT ?)"
        " RETURNING contact, message_id, number",
        (number, most),
    ).fetchall()
    ordered = sorted(rows, key=lambda row: (row[2], row[0], row[1]))
    return [(UserAddress(contact), MessageId(message_id)) for contact, message_id, _ in ordered]


def count(tx: Transaction) -> int:
    """Return how many messages wait."""
    return int(tx.execute("SELECT count(*) FROM unsynced").fetchone()[0])

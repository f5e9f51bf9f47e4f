"""Small single values of the node: guard state, accepted snapshot, sweep times."""

from __future__ import annotations

from zentalk.store.sqlite import Transaction


def get(tx: Transaction, key: str) -> bytes | None:
    """Return a value."""
    row = tx.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return None if row is None else bytes(row[0])


def put(tx: Transaction, key: str, value: bytes) -> None:
    """Set a value."""
    tx.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, value),
    )

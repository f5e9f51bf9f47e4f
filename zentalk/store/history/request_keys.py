"""Rows of idempotency keys: which message or group a request made, so that it makes no other.

Their column `message_id` has the id of a group too.
"""

from __future__ import annotations

from zentalk.store.history.models import RequestKey
from zentalk.store.sqlite import Transaction


def remember_key(tx: Transaction, key: RequestKey, request: bytes, made: bytes, now: float) -> None:
    """Bind an idempotency key to the id of what it made."""
    tx.execute(
        "INSERT INTO idempotency (key, device, request, message_id, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (*key, request, made, now),
    )


def by_key(tx: Transaction, key: RequestKey) -> tuple[bytes, bytes] | None:
    """Return request hash of an idempotency key, and the id of what it made.

    Keys without a device are older than devices' own keys, and hold for all.
    """
    row = tx.execute(
        "SELECT request, message_id FROM idempotency WHERE key = ? AND device IN (?, '')"
        " ORDER BY device DESC LIMIT 1",
        tuple(key),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def forget_keys(tx: Transaction, before: float) -> None:
    """Drop idempotency keys older than a unix time."""
    tx.execute("DELETE FROM idempotency WHERE created_at < ?", (before,))

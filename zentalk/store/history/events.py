"""The durable event log: the one truth that REST, SSE and WebSocket are views of."""

from __future__ import annotations

import json
from typing import Any

from zentalk.store.history.models import StoredEvent
from zentalk.store.writer import Transaction


def append(tx: Transaction, kind: str, at: float, data: dict[str, Any]) -> None:
    """Add an event; its `seq` is the next number."""
    tx.execute(
        "INSERT INTO events (type, at, data) VALUES (?, ?, ?)",
        (kind, at, json.dumps(data, separators=(",", ":"), ensure_ascii=False)),
    )


def page(tx: Transaction, after: int, limit: int) -> list[StoredEvent]:
    """Return up to `limit` (-1: all) events with seq > after, oldest first."""
    rows = tx.execute(
        "SELECT seq, type, at, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
    )
    return [StoredEvent(seq, kind, at, json.loads(data)) for seq, kind, at, data in rows]


def last_seq(tx: Transaction) -> int:
    """Return the number of the newest event, 0 if there is none."""
    row = tx.execute("SELECT max(seq) FROM events").fetchone()
    return int(row[0] or 0)

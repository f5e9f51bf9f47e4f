"""The durable event log: the one truth that REST, SSE and WebSocket are views of.

Queries, and the tail of the log: what each commit has added to it, told in order. What an event
means is decided where it is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from zentalk.store.history.models import StoredContact, StoredEvent, StoredMessage
from zentalk.store.sqlite import Transaction

_ALL: Final = -1


def append(tx: Transaction, kind: str, at: float, data: dict[str, Any]) -> None:
    """Add an event; its `seq` is the next number."""
    encoded = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    tx.execute(
        "INSERT INTO events (type, at, data, conversation) VALUES (?, ?, ?, ?)",
        (kind, at, encoded, data.get("conversation")),
    )


def append_row(tx: Transaction, kind: str, at: float, row: StoredContact | StoredMessage) -> None:
    """Add an event that shows a whole row; `asdict` would copy every value deeply."""
    append(tx, kind, at, {name: getattr(row, name) for name in row.__slots__})


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


class EventTail:
    """Knows what was told already; `on_events` gets the rest after a commit, in order."""

    def __init__(self, told_seq: int) -> None:
        self._told_seq = told_seq
        self.on_events: Callable[[list[StoredEvent]], None] = lambda _events: None

    def after_commit(self, tx: Transaction) -> Callable[[], None] | None:
        """Read what is new, while the rows are at hand; return what tells it, None if none is."""
        fresh = page(tx, self._told_seq, _ALL)
        if not fresh:
            return None
        self._told_seq = fresh[-1].seq
        return partial(self.on_events, fresh)

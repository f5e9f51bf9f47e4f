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


def append(
    tx: Transaction, kind: str, at: float, data: dict[str, Any], message: str | None = None
) -> None:
    """Add an event; its `seq` is the next number.

    `message` is the id of the message whose text it shows, so that the text can be taken out.
    """
    tx.execute(
        "INSERT INTO events (type, at, data, conversation, message) VALUES (?, ?, ?, ?, ?)",
        (kind, at, _encode(data), data.get("conversation"), message),
    )


def append_row(
    tx: Transaction, kind: str, at: float, row: StoredContact | StoredMessage, **more: str
) -> None:
    """Add an event that shows a whole row, and more."""
    message = row.id if isinstance(row, StoredMessage) else None
    append(tx, kind, at, {**_data(row), **more}, message)


def take_out(tx: Transaction, emptied: StoredMessage) -> None:
    """Let the events that showed a message show what is left of it.

    Their numbers stay, and who (`by`) did what they tell of.
    """
    left = _encode(_data(emptied))
    tx.execute(
        "UPDATE events SET data = CASE WHEN json_type(data, '$.by') IS NULL THEN ?1"
        " ELSE json_set(?1, '$.by', json_extract(data, '$.by')) END"
        " WHERE message = ?2 AND conversation = ?3",
        (left, emptied.id, emptied.conversation),
    )


def _data(row: StoredContact | StoredMessage) -> dict[str, Any]:
    """Return a row's values; `asdict` would copy each of them deeply."""
    return {name: getattr(row, name) for name in row.__slots__}


def _encode(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


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
        self.on_commit: Callable[[], None] | None = None
        """Is called with each commit, whether or not it has added an event."""

    def after_commit(self, tx: Transaction) -> Callable[[], None] | None:
        """Read what is new, while the rows are at hand; return what tells it, None if none is."""
        fresh = page(tx, self._told_seq, _ALL)
        if not fresh:
            return self.on_commit
        self._told_seq = fresh[-1].seq
        return partial(self._tell, fresh)

    def _tell(self, fresh: list[StoredEvent]) -> None:
        self.on_events(fresh)
        if self.on_commit is not None:
            self.on_commit()

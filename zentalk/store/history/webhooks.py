"""Webhooks and their dead letters: queries only.

What waits for a webhook is the event log behind its cursor, so nothing is stored twice, and what
is deleted from the log waits for nobody any more: its dead letters go with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from zentalk.store.history import event_filter
from zentalk.store.history.event_filter import EventFilter
from zentalk.store.history.models import StoredEvent
from zentalk.store.sqlite import Transaction

MAX_COUNTED: Final = 10_000
"""Waiting events are counted no further."""
MAX_DEAD: Final = 1_000
"""Dead letters that are kept of one webhook; the oldest make room."""
_COLUMNS: Final = (
    "id, url, types, conversation, content, secret, created_at, cursor, failures, failing_since,"
    " next_at, last_error, delivered_at"
)


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """One webhook. `cursor` is the last event that was delivered, given up or not wanted.

    `failures` counts attempts for the event after it, `failing_since` is when the first attempt
    after the last success failed, and before `next_at` nothing is tried. Times are unix seconds.
    """

    id: str
    url: str = field(repr=False)
    wanted: EventFilter
    content: str
    secret: bytes = field(repr=False)
    created_at: float
    cursor: int
    failures: int = 0
    failing_since: float | None = None
    next_at: float = 0.0
    last_error: str = ""
    delivered_at: float | None = None


class WebhookLetter(NamedTuple):
    """An event that was given up for one webhook, and why."""

    event: StoredEvent
    died_at: float
    reason: str


def add(tx: Transaction, row: WebhookRow) -> None:
    """Add a webhook, or replace one with the same id."""
    tx.execute(
        f"INSERT INTO webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, failures = excluded.failures,"
        " failing_since = excluded.failing_since, next_at = excluded.next_at,"
        " last_error = excluded.last_error, delivered_at = excluded.delivered_at",
        (
            row.id,
            row.url,
            json.dumps(row.wanted.types),
            row.wanted.conversation,
            row.content,
            row.secret,
            row.created_at,
            row.cursor,
            row.failures,
            row.failing_since,
            row.next_at,
            row.last_error,
            row.delivered_at,
        ),
    )


def update(tx: Transaction, row: WebhookRow) -> bool:
    """Save how far a webhook is; False if it was removed meanwhile."""
    if get(tx, row.id) is None:
        return False
    add(tx, row)
    return True


def try_now(tx: Transaction, webhook: str) -> None:
    """Let the next attempt be due at once."""
    tx.execute("UPDATE webhooks SET next_at = 0 WHERE id = ?", (webhook,))


def get(tx: Transaction, webhook: str) -> WebhookRow | None:
    """Return one webhook."""
    found = tx.execute(f"SELECT {_COLUMNS} FROM webhooks WHERE id = ?", (webhook,)).fetchone()
    return None if found is None else _row(found)


def every(tx: Transaction) -> list[WebhookRow]:
    """Return all webhooks, oldest first."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM webhooks ORDER BY created_at, id")
    return [_row(row) for row in rows]


def remove(tx: Transaction, webhook: str) -> bool:
    """Delete a webhook with its letters; False if there is none."""
    return tx.execute("DELETE FROM webhooks WHERE id = ?", (webhook,)).rowcount > 0


def waiting(tx: Transaction, row: WebhookRow) -> int:
    """Count the events that wait for a webhook, up to MAX_COUNTED."""
    return event_filter.count(tx, row.cursor, MAX_COUNTED, row.wanted)


def bury(tx: Transaction, webhook: str, numbers: list[int], now: float, reason: str) -> None:
    """Make dead letters of events, as far as they are still in the log."""
    tx.executemany(
        "INSERT INTO webhook_letters (seq, webhook, died_at, reason)"
        " SELECT seq, ?, ?, ? FROM events WHERE seq = ?"
        " ON CONFLICT DO UPDATE SET died_at = excluded.died_at, reason = excluded.reason,"
        " again = 0",
        [(webhook, now, reason, number) for number in numbers],
    )
    tx.execute(
        "DELETE FROM webhook_letters WHERE webhook = ?1 AND seq <= (SELECT seq FROM"
        " webhook_letters WHERE webhook = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        (webhook, MAX_DEAD),
    )


def letters(tx: Transaction, webhook: str, after: int, limit: int) -> list[WebhookLetter]:
    """Return dead letters with a number above `after`, in the order of the log."""
    rows = tx.execute(
        "SELECT e.seq, e.type, e.at, e.data, l.died_at, l.reason FROM webhook_letters AS l"
        " JOIN events AS e ON e.seq = l.seq WHERE l.webhook = ? AND l.seq > ?"
        " ORDER BY l.seq LIMIT ?",
        (webhook, after, limit),
    )
    return [_letter(row) for row in rows]


def dead(tx: Transaction, webhook: str) -> int:
    """Count the dead letters of a webhook."""
    query = "SELECT count(*) FROM webhook_letters WHERE webhook = ?"
    return int(tx.execute(query, (webhook,)).fetchone()[0])


def again(tx: Transaction, webhook: str, seq: int | None) -> int:
    """Mark one dead letter, or all, to be tried once more; return how many these are."""
    return tx.execute(
        "UPDATE webhook_letters SET again = 1 WHERE webhook = ?1 AND (?2 IS NULL OR seq = ?2)",
        (webhook, seq),
    ).rowcount


def next_again(tx: Transaction, webhook: str) -> WebhookLetter | None:
    """Return the first letter that is to be tried once more."""
    row = tx.execute(
        "SELECT e.seq, e.type, e.at, e.data, l.died_at, l.reason FROM webhook_letters AS l"
        " JOIN events AS e ON e.seq = l.seq WHERE l.webhook = ? AND l.again ORDER BY l.seq LIMIT 1",
        (webhook,),
    ).fetchone()
    return None if row is None else _letter(row)


def forget_letters(tx: Transaction, webhook: str, seq: int | None) -> int:
    """Delete one dead letter, or all; return how many these were."""
    return tx.execute(
        "DELETE FROM webhook_letters WHERE webhook = ?1 AND (?2 IS NULL OR seq = ?2)",
        (webhook, seq),
    ).rowcount


def _letter(row: tuple[Any, ...]) -> WebhookLetter:
    seq, kind, at, data, died_at, reason = row
    return WebhookLetter(StoredEvent(seq, kind, at, json.loads(data)), died_at, reason)


def _row(row: tuple[Any, ...]) -> WebhookRow:
    webhook, url, types, conversation, *rest = row
    return WebhookRow(webhook, url, EventFilter(tuple(json.loads(types)), conversation), *rest)

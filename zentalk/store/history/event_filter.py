"""Which events of the log a reader wants, and the queries that find them by index alone.

However many events a reader does not want, it costs no more to pass them by: each type and each
conversation has its own index, from which numbers are read, at most a page of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.store.history.events import last_seq
from zentalk.store.history.models import StoredEvent
from zentalk.store.sqlite import Transaction


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The wanted types, and the one wanted conversation; nothing given wants all.

    A type that ends with a dot stands for all that begin with it.
    """

    types: tuple[str, ...] = ()
    conversation: str | None = None

    def __repr__(self) -> str:
        return f"<EventFilter of {len(self.types)} types>"

    def takes(self, event: StoredEvent) -> bool:
        """Say whether an event is wanted."""
        return self.wants(event.type, event.data.get("conversation"))

    def wants(self, kind: str, conversation: str | None) -> bool:
        """Say whether something of a type, in a conversation or none, is wanted."""
        if self.conversation is not None and conversation != self.conversation:
            return False
        return not self.types or any(
            kind.startswith(wanted) if wanted.endswith(".") else kind == wanted
            for wanted in self.types
        )


EVERYTHING: Final = EventFilter()


class EventPage(NamedTuple):
    """Events in order; `next` is where to go on, past all that the filter left out."""

    events: list[StoredEvent]
    next: int


def page_of(tx: Transaction, after: int, limit: int, wanted: EventFilter) -> EventPage:
    """Return up to `limit` wanted events with seq > after, oldest first."""
    # Before the events are read: none that comes meanwhile is passed by.
    last = max(after, last_seq(tx))
    found = _rows(tx, _numbers(tx, after, last, limit, wanted))
    return EventPage(found, found[-1].seq if len(found) == limit else last)


def newest(tx: Transaction, after: int, wanted: EventFilter) -> StoredEvent | None:
    """Return the newest wanted event with seq > after; the filter names types alone."""
    query = "SELECT max(seq) FROM events WHERE type = ? AND seq > ?"
    found = [tx.execute(query, (kind, after)).fetchone()[0] for kind in _types(tx, wanted.types)]
    last = max(filter(None, found), default=None)
    return None if last is None else _rows(tx, [last])[0]


def count(tx: Transaction, after: int, limit: int, wanted: EventFilter) -> int:
    """Return how many wanted events have seq > after, counting no further than `limit`."""
    return len(_numbers(tx, after, last_seq(tx), limit, wanted))


def _numbers(tx: Transaction, after: int, last: int, limit: int, wanted: EventFilter) -> list[int]:
    """Return the numbers of the first `limit` wanted events with after < seq <= last."""
    where, values = "seq > ? AND seq <= ?", [after, last]
    if wanted.conversation is not None:
        where += " AND conversation = ?"
    order = " ORDER BY seq LIMIT ?"
    mine = () if wanted.conversation is None else (wanted.conversation,)
    if not wanted.types:
        rows = tx.execute(f"SELECT seq FROM events WHERE {where}{order}", (*values, *mine, limit))
        return [row[0] for row in rows]
    query = f"SELECT seq FROM events WHERE {where} AND type = ?{order}"
    found: list[int] = []
    for kind in _types(tx, wanted.types):
        found += (row[0] for row in tx.execute(query, (*values, *mine, kind, limit)))
    return sorted(found)[:limit]


def _types(tx: Transaction, wanted: tuple[str, ...]) -> set[str]:
    """Return the types themselves: what begins like one that ends with a dot is looked up."""
    found = {kind for kind in wanted if not kind.endswith(".")}
    for prefix in wanted:
        if not prefix.endswith("."):
            continue
        kind = _first_type(tx, prefix)
        while kind is not None and kind.startswith(prefix):
            found.add(kind)
            kind = _first_type(tx, kind, excluding=True)
    return found


def _first_type(tx: Transaction, least: str, *, excluding: bool = False) -> str | None:
    """Return the first type in the log from `least` on: one step in the index."""
    than = ">" if excluding else ">="
    row = tx.execute(f"SELECT min(type) FROM events WHERE type {than} ?", (least,)).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _rows(tx: Transaction, numbers: list[int]) -> list[StoredEvent]:
    places = ",".join("?" * len(numbers))
    rows = tx.execute(
        f"SELECT seq, type, at, data FROM events WHERE seq IN ({places}) ORDER BY seq", numbers
    )
    return [StoredEvent(seq, kind, at, json.loads(data)) for seq, kind, at, data in rows]

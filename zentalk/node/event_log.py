"""The event log as its readers follow it.

Events reach readers only after the commit that holds them; the newest stay in memory, so that
whoever follows the log does not read it from disk again and again.
"""

from __future__ import annotations

from collections import deque
from itertools import islice, takewhile
from typing import Final

import trio

from zentalk.store.history import events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.event_filter import EVERYTHING, EventFilter, EventPage, page_of
from zentalk.store.history.models import StoredEvent

MAX_TAIL_EVENTS: Final = 256
_DELETING: Final = ("conversation.deleted", "group.forgotten")


class EventLog:
    """The durable log, its newest events in memory, and the waiting of its readers."""

    def __init__(self, database: HistoryDatabase) -> None:
        self._database = database
        self._readers = trio.lowlevel.ParkingLot()
        self._tail: deque[StoredEvent] = deque(maxlen=MAX_TAIL_EVENTS)
        self._last_seq = database.read_now(events.last_seq)
        database.tail.on_events = self._committed

    @property
    def last_seq(self) -> int:
        """The number of the newest event that readers can read, 0 without any."""
        return self._last_seq

    async def page(self, after: int, limit: int, wanted: EventFilter = EVERYTHING) -> EventPage:
        """Return up to `limit` wanted events with a number above `after`, in order."""
        await trio.lowlevel.checkpoint()  # First: what is in memory changes at every one.
        tail = self._tail
        if after < self._last_seq and (not tail or after < tail[0].seq - 1):
            return await self._database.read(lambda tx: page_of(tx, after, limit, wanted))
        newest_first = list(takewhile(lambda event: event.seq > after, reversed(tail)))
        found = list(islice(filter(wanted.takes, reversed(newest_first)), limit))
        return EventPage(
            found, found[-1].seq if len(found) == limit else max(after, self._last_seq)
        )

    async def wait_events(self, after: int) -> None:
        """Return once an event with a number above `after` is committed."""
        await trio.lowlevel.checkpoint()
        while self._last_seq <= after:
            await self._readers.park()

    def _committed(self, fresh: list[StoredEvent]) -> None:
        self._tail.extend(fresh)
        deleted = [event for event in fresh if event.type in _DELETING]
        for event in deleted:
            self._forget(event.data["conversation"], event.seq)
        self._last_seq = fresh[-1].seq
        self._readers.unpark_all()

    def _forget(self, conversation: str, before: int) -> None:
        """Drop what the database has deleted, or its readers would still get it from memory."""
        kept = [
            event
            for event in self._tail
            if event.seq >= before or event.data.get("conversation") != conversation
        ]
        if len(kept) < len(self._tail):
            self._tail = deque(kept, maxlen=MAX_TAIL_EVENTS)

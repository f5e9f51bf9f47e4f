"""Deletes messages whose timer has run out, here and in the event log."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.net.runtime import Runtime
from zentalk.store.history import erasing, events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

AT_ONCE: Final = 500
"""Messages deleted in one transaction, so that others get their turn."""
LONGEST_SLEEP_SECONDS: Final = 30.0
"""A timer that is set meanwhile may be so much late."""
SHORTEST_SLEEP_SECONDS: Final = 1.0


class Disappearing:
    """Watches the timers of one history. `run` must be running."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database

    async def run(self) -> None:
        """Delete what is due, until cancelled; what fell due while nothing ran goes at once."""
        while True:
            due = await until_stored(partial(self._database.read, erasing.next_expiry))
            wait = LONGEST_SLEEP_SECONDS if due is None else due - self._runtime.wall()
            if wait <= 0:
                now = self._runtime.wall()
                await until_stored(partial(self._database.write, partial(_erase, now=now)))
                wait = SHORTEST_SLEEP_SECONDS
            await trio.sleep(min(wait, LONGEST_SLEEP_SECONDS))


def _erase(tx: Transaction, *, now: float) -> None:
    for contact, target in erasing.expired(tx, now, AT_ONCE):
        data = erasing.erase(tx, contact, target)
        events.append(tx, "message.expired", now, data)

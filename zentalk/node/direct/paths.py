"""The event log of ways: that a contact is reached directly now, or over relays again.

A node that was killed has told nobody that its lines ended with it. So the first thing of each run
is to tell it, also where no direct connections are made any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.store.history import direct, events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address


class PathLog:
    """Logs on which way each contact is, each time another one than before.

    `run` must be running: what ends a line may be cancelled while it would write.
    """

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database
        self._direct: frozenset[UserAddress] = frozenset()
        self._changed = Signal()

    def note(self, people: Iterable[UserAddress]) -> None:
        """Take note of all contacts to whom there is a line now."""
        self._direct = frozenset(people)
        self._changed.set()

    async def run(self) -> None:
        """Log what has changed, since the last run too, until cancelled."""
        told = await until_stored(partial(self._database.read, direct.shown_as_direct))
        while True:
            while others := sorted(told ^ self._direct):
                contact = others[0]
                await self._tell(contact, "direct" if contact in self._direct else "relay")
                told ^= {contact}
            await self._changed.wait()

    async def _tell(self, contact: UserAddress, path: str) -> None:
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            data = {"address": format_address(contact), "path": path}
            events.append(tx, "contact.path", now, data)

        await until_stored(partial(self._database.write, job))

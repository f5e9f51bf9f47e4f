"""Watches over the ratchets of all contacts, and has broken ones made anew.

Nobody has to press a button. A ratchet breaks when a side loses its newest state: a folder
restored from an old copy, a damaged row, a new computer. The reader notices by envelopes that it
cannot read, the writer by mail that is not confirmed though relays hold it. This module says when
which contact's turn is; what is done then stands in `session_renewal.py`. Spec:
docs/spec/end-to-end.md section 8.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.recipients import RecoveryRequests
from zentalk.node.delivery.session_renewal import SessionRenewal
from zentalk.node.records.current import find_current
from zentalk.node.records.lookup import RecordLookup
from zentalk.node.sessions import evidence
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.wire.user_record import RecordContents

LOOK_SECONDS: Final = 3_600.0
"""How often unconfirmed mail is looked for."""
FIRST_WAIT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 3_600.0
AT_ONCE: Final = 4
"""Contacts whose records are read at the same time."""


class SessionRecovery:
    """Recovers the sessions that need it. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        records: RecordLookup,
        requests: RecoveryRequests,
        renewal: SessionRenewal,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._records = records
        self._requests = requests
        self._renewal = renewal
        self._failures: dict[UserAddress, tuple[float, float]] = {}

    async def run(self) -> None:
        """Renew what is broken as soon as it may be, until cancelled."""
        while True:
            self._requests.wake.take()
            now = self._runtime.wall()
            read = self._database.read
            due = await until_stored(partial(read, partial(evidence.renewals_due, now=now)))
            doubtful = await until_stored(partial(read, partial(evidence.doubtful, now=now)))
            broken = [contact for at, contact in due if at <= now]
            silent = self._requests.silent_contacts()
            for recovered in self._failures.keys() - {*broken, *doubtful, *silent}:
                del self._failures[recovered]
            limit = trio.CapacityLimiter(AT_ONCE)
            async with trio.open_nursery() as nursery:
                for contact in broken:
                    nursery.start_soon(self._try, limit, contact, self._renewal.renew)
                for contact in set(doubtful) - set(broken):
                    nursery.start_soon(self._try, limit, contact, self._renewal.look)
                for contact in silent - {*broken, *doubtful}:
                    nursery.start_soon(self._try, limit, contact, self._follow)
            await self._requests.wake.wait(self._wait(due))

    def _wait(self, due: list[tuple[float, UserAddress]]) -> float:
        """Return how long there is nothing to do, in seconds."""
        wall, now = self._runtime.wall(), self._runtime.monotonic()
        waits = [at - wall for at, contact in due if contact not in self._failures]
        waits += [at - now for at, _ in self._failures.values()]
        waits += [self._requests.next_look(self._failures) - now]
        return max(0.0, min([LOOK_SECONDS, *waits]))

    async def _try(
        self,
        limit: trio.CapacityLimiter,
        contact: UserAddress,
        recover: Callable[[UserAddress, RecordContents], Awaitable[None]],
    ) -> None:
        """Do something with a contact's user record; later if there is none now."""
        not_before, wait = self._failures.get(contact, (0.0, FIRST_WAIT_SECONDS))
        if self._runtime.monotonic() < not_before:
            return
        async with limit:
            try:
                now = self._runtime.wall()
                await recover(
                    contact, await find_current(self._records, self._database, contact, now)
                )
            except ATTEMPT_FAULTS:
                later = self._runtime.monotonic() + wait
                self._failures[contact] = later, min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                self._failures.pop(contact, None)

    async def _follow(self, contact: UserAddress, contents: RecordContents) -> None:
        self._requests.looked_at(contact)
        await self._renewal.follow(contact, contents)

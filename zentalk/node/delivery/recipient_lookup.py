"""Fetches what is missing of recipients: their mailboxes, and keys to start a session with.

One task for each recipient goes on trying: a record that is not there today may be there
tomorrow.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS, NotPublishedError, StorageError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.messages.compose import Composer, lacks_route
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.states import explain
from zentalk.node.records.current import find_current
from zentalk.node.records.lookup import RecordLookup
from zentalk.store.history import contacts, outbox
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.user_record import RecordContents

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0


class RecipientLookup:
    """Reads user records for `Recipients`. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        records: RecordLookup,
        recipients: Recipients,
        outbox: Outbox,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._records = records
        self._recipients = recipients
        self._outbox = outbox
        self._busy: set[UserAddress] = set()

    async def run(self) -> None:
        """Fetch what is wanted, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._recipients.wake.wait()
                for contact in [c for c in self._recipients.wanted if c not in self._busy]:
                    self._busy.add(contact)
                    nursery.start_soon(self._provide, contact)

    async def _provide(self, contact: UserAddress) -> None:
        """Try until all is there; waits double, so that a dead record costs little."""
        wanted = self._recipients.wanted
        wait = FIRST_WAIT_SECONDS
        try:
            while True:
                session = wanted[contact]
                try:
                    await self._try(contact, session=session)
                    if wait > FIRST_WAIT_SECONDS:
                        await self._explain(contact, Reason.NONE)
                    if wanted[contact] == session:
                        return
                except ATTEMPT_FAULTS as error:
                    if not isinstance(error, StorageError):
                        await self._explain(contact, self._reason(error))
                    if session and await self._is_over(contact):
                        return
                    await trio.sleep(wait)
                    wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            wanted.pop(contact, None)
            self._busy.discard(contact)

    async def _is_over(self, contact: UserAddress) -> bool:
        """Tell whether nothing waits for a contact any more: it was removed or blocked."""
        wanted = self._recipients.wanted
        session = wanted.pop(contact)
        query = partial(outbox.has_items, contact=contact)
        waits = await until_stored(partial(self._database.read, query))
        if not waits and contact not in wanted:
            return True
        wanted[contact] = wanted.get(contact, False) or session
        return False

    def _reason(self, error: Exception) -> Reason:
        if isinstance(error, NotPublishedError):
            return Reason.NOT_PUBLISHED
        return Reason.NO_ANSWER if self._records.known_relays() else Reason.NO_RELAYS

    async def _explain(self, contact: UserAddress, reason: Reason) -> None:
        job = partial(explain, contact=contact, reason=reason, now=self._runtime.wall())
        await until_stored(partial(self._database.write, job))

    async def _try(self, contact: UserAddress, *, session: bool) -> None:
        if not session:
            if not self._recipients.has_fresh_record(contact):
                self._recipients.found(contact, await self._find(contact))
            return
        contents = await self._find(contact)
        self._recipients.found(contact, contents)
        bundle = None
        if not await self._database.read(lambda tx: self._composer.has_session(tx, contact)):
            bundle = await self._records.bundle(contact, contents)
        await self._outbox.carry_out(
            await self._database.write(lambda tx: self._encrypt_waiting(tx, contact, bundle))
        )

    async def _find(self, contact: UserAddress) -> RecordContents:
        return await find_current(self._records, self._database, contact, self._runtime.wall())

    def _encrypt_waiting(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle | None
    ) -> CommitEffects:
        now = self._runtime.wall()
        if bundle is not None and not self._composer.has_session(tx, contact):
            self._composer.start_session(tx, contact, bundle, now)
        explain(tx, contact, Reason.NONE, now)
        ready, row = self._composer.encrypt_waiting(tx, contact), contacts.get(tx, contact)
        short = row is not None and lacks_route(tx, row)
        return CommitEffects(send=tuple(ready), short_of_send_ids=short)

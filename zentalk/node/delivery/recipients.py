"""What the outbox must know of a recipient: its mailboxes, and a ratchet to encrypt with.

Both come from the recipient's own messages where there are any, else from its user
record in the directory. One task per recipient fetches what is missing, and goes on
trying: a record that is not there today may be there tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.messages.compose import Composer, OutboundItem
from zentalk.node.messages.routes import DepositTarget, contact_targets, record_targets
from zentalk.node.records.lookup import Records
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import contacts
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.writer import Transaction
from zentalk.wire.user_record import RecordContents

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
RECORD_FRESH_SECONDS: Final = 600.0


class Recipients:
    """Mailboxes and ratchets of the people we write to."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        sessions: Sessions,
        composer: Composer,
        records: Records,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._sessions = sessions
        self._composer = composer
        self._records = records
        self._routes: dict[UserAddress, tuple[DepositTarget, ...]] = {}
        self._from_records: dict[UserAddress, tuple[float, tuple[DepositTarget, ...]]] = {}
        self._busy: set[UserAddress] = set()
        self._wanted: dict[UserAddress, bool] = {}
        self._wake = trio.Event()
        self.on_ready: Callable[[Iterable[OutboundItem]], None] = lambda _ready: None

    def targets(self, contact: UserAddress) -> tuple[DepositTarget, ...]:
        """Return where to deposit for a contact now; empty if that is not known."""
        route = self._routes.get(contact)
        if route:
            return route
        return self._from_records.get(contact, (0.0, ()))[1]

    def found(self, contact: UserAddress, contents: RecordContents) -> None:
        """Take a user record that was read elsewhere: what it names counts from now on."""
        self._from_records[contact] = (self._runtime.monotonic(), record_targets(contents))

    async def learn(self, changed: Iterable[UserAddress] | None = None) -> None:
        """Read contacts' routes from the database: those that changed, or all."""
        wanted = None if changed is None else set(changed)

        def query(tx: Transaction) -> dict[UserAddress, tuple[DepositTarget, ...]]:
            addresses = contacts.addresses(tx) if wanted is None else wanted
            rows = [contacts.get(tx, address) for address in addresses]
            return {row.address: contact_targets(row) for row in rows if row is not None}

        self._routes.update(await self._database.read(query))

    def need_targets(self, contact: UserAddress) -> None:
        """Look a contact's mailboxes up in its user record."""
        self._want(contact, ratchet=False)

    def need_ratchet(self, contact: UserAddress) -> None:
        """Make a ratchet with a contact and encrypt what waits for it."""
        self._want(contact, ratchet=True)

    async def run(self) -> None:
        """Fetch what is wanted, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                for contact in [c for c in self._wanted if c not in self._busy]:
                    self._busy.add(contact)
                    nursery.start_soon(self._provide, contact)

    def _want(self, contact: UserAddress, *, ratchet: bool) -> None:
        self._wanted[contact] = self._wanted.get(contact, False) or ratchet
        self._wake.set()

    async def _provide(self, contact: UserAddress) -> None:
        """Try until both are there; waits double, so that a dead record costs little."""
        wait = FIRST_WAIT_SECONDS
        try:
            while True:
                ratchet = self._wanted[contact]
                try:
                    await self._try(contact, ratchet=ratchet)
                    if self._wanted[contact] == ratchet:
                        return
                except ATTEMPT_FAULTS:
                    await trio.sleep(wait)
                    wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            self._wanted.pop(contact, None)
            self._busy.discard(contact)

    async def _try(self, contact: UserAddress, *, ratchet: bool) -> None:
        fresh_after = self._runtime.monotonic() - RECORD_FRESH_SECONDS
        known = self._from_records.get(contact)
        contents: RecordContents | None = None
        if known is None or known[0] < fresh_after or ratchet:
            contents = await self._records.find(contact)
            self.found(contact, contents)
        if not ratchet or contents is None:
            return
        if await self._database.read(lambda tx: self._has_ratchet(tx, contact)):
            bundle = None
        else:
            bundle = await self._records.bundle(contact, contents)

        def job(tx: Transaction) -> list[OutboundItem]:
            if bundle is not None and not self._has_ratchet(tx, contact):
                self._sessions.start(tx, contact, bundle, self._runtime.wall())
            return self._composer.encrypt_waiting(tx, contact)

        self.on_ready(await self._database.write(job))

    def _has_ratchet(self, tx: Transaction, contact: UserAddress) -> bool:
        return self._sessions.sender(tx, contact) is not None

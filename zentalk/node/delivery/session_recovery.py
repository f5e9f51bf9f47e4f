"""Makes a new ratchet where one is broken. Nobody has to press a button.

A ratchet breaks when a side loses its newest state: a folder restored from an old copy, a
damaged row, a new computer. The reader notices by envelopes that it cannot read, the writer
by mail that is not confirmed though relays hold it. Either makes a new ratchet from the
other's user record, at most once an hour. Spec: docs/spec/end-to-end.md section 8.

The same where two sides have lost sight of each other: all mailboxes that we know of a
contact are gone, and its word of the new ones went to mailboxes of ours that are gone too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.messages.compose import Composer, OutboundItem
from zentalk.node.messages.routes import contact_targets
from zentalk.node.records.lookup import Records
from zentalk.node.sessions import evidence
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import contacts, outbox, renewals
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.renewals import RenewalRow
from zentalk.store.retry import until_stored
from zentalk.store.writer import Transaction
from zentalk.wire.prekeys import PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.ratchet import InitialHeader
from zentalk.wire.user_record import RecordContents

LOOK_SECONDS: Final = 3_600.0
"""How often unconfirmed mail is looked for."""
FIRST_WAIT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 3_600.0
AT_ONCE: Final = 4
"""Contacts whose records are read at the same time."""
FIRST_SILENCE_SECONDS: Final = 600.0
LONGEST_SILENCE_SECONDS: Final = 3_600.0
"""How long after a look for new mailboxes of a contact there is another, at first and later."""
_ID_BYTES: Final = 4


class SessionRecovery:
    """Watches over the ratchets of all contacts. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        sessions: Sessions,
        composer: Composer,
        records: Records,
        recipients: Recipients,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._sessions = sessions
        self._composer = composer
        self._records = records
        self._recipients = recipients
        self._failures: dict[UserAddress, tuple[float, float]] = {}
        self._silent: set[UserAddress] = set()
        self._looked: dict[UserAddress, tuple[float, float]] = {}
        self._wake = trio.Event()
        self.on_moved: Callable[[UserAddress], None] = lambda _contact: None
        self.on_ready: Callable[[Iterable[OutboundItem]], None] = lambda _ready: None

    def suspected(self) -> None:
        """Envelopes could not be read: there may be something to do."""
        self._wake.set()

    def silent(self, contact: UserAddress) -> None:
        """No mailbox of a contact acknowledges anything: it may have others."""
        not_before, _ = self._looked.get(contact, (0.0, 0.0))
        if contact not in self._silent and self._runtime.monotonic() >= not_before:
            self._silent.add(contact)
            self._wake.set()

    async def run(self) -> None:
        """Renew what is broken as soon as it may be, until cancelled."""
        while True:
            self._wake = trio.Event()
            now = self._runtime.wall()
            read = self._database.read
            due = await until_stored(partial(read, partial(evidence.renewals_due, now=now)))
            doubtful = await until_stored(partial(read, partial(evidence.doubtful, now=now)))
            broken = [contact for at, contact in due if at <= now]
            silent = set(self._silent)
            for healed in self._failures.keys() - {*broken, *doubtful, *silent}:
                del self._failures[healed]
            limit = trio.CapacityLimiter(AT_ONCE)
            async with trio.open_nursery() as nursery:
                for contact in broken:
                    nursery.start_soon(self._try, limit, contact, self._renew)
                for contact in set(doubtful) - set(broken):
                    nursery.start_soon(self._try, limit, contact, self._look)
                for contact in silent - {*broken, *doubtful}:
                    nursery.start_soon(self._try, limit, contact, self._follow)
            with trio.move_on_after(self._wait(due)):
                await self._wake.wait()

    def _wait(self, due: list[tuple[float, UserAddress]]) -> float:
        """Return how long there is nothing to do, in seconds."""
        wall, now = self._runtime.wall(), self._runtime.monotonic()
        waits = [at - wall for at, contact in due if contact not in self._failures]
        waits += [at - now for at, _ in self._failures.values()]
        return max(0.0, min([LOOK_SECONDS, *waits]))

    async def _try(
        self,
        limit: trio.CapacityLimiter,
        contact: UserAddress,
        heal: Callable[[UserAddress, RecordContents], Awaitable[None]],
    ) -> None:
        """Do something with a contact's user record; later if there is none now."""
        not_before, wait = self._failures.get(contact, (0.0, FIRST_WAIT_SECONDS))
        if self._runtime.monotonic() < not_before:
            return
        async with limit:
            try:
                await heal(contact, await self._records.find(contact))
            except ATTEMPT_FAULTS:
                later = self._runtime.monotonic() + wait
                self._failures[contact] = later, min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                self._failures.pop(contact, None)

    async def _renew(self, contact: UserAddress, contents: RecordContents) -> None:
        """The contact cannot be read: ask for a new ratchet; it sends once it is answered."""
        bundle = await self._records.bundle(contact, contents)

        def job(tx: Transaction) -> list[OutboundItem]:
            now = self._runtime.wall()
            if not evidence.limit_of(renewals.get(tx, contact)).due(now):
                return []  # the contact was first
            return self._start(tx, contact, bundle, now)

        self.on_ready(await self._database.write(job))

    def _start(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> list[OutboundItem]:
        """Initiate a ratchet; its first message asks for an answer and tells our route."""
        ratchet_id = self._sessions.start(tx, contact, bundle, now)
        row = renewals.get(tx, contact)
        renewals.put(tx, contact, evidence.with_limit(row, evidence.limit_of(row).renewed(now)))
        contacts.forget_versions(tx, contact)
        known = contacts.get(tx, contact)
        return [] if known is None else self._composer.open_ratchet(tx, known, ratchet_id, now)

    async def _look(self, contact: UserAddress, contents: RecordContents) -> None:
        """Mail to a contact is not confirmed for long: has it lost what it had?

        If its record names other keys it was there since, and did not get or could not read
        the mail. If not, it may be away, or miss one key only.
        """
        named = _named(contents)
        known = await self._database.read(partial(self._evidence, contact=contact))
        row, header = known
        before = row.record_prekeys if header is None else _ids(header)
        changed = before is not None and before != named
        unanswered = header is not None and row.doubts + 1 == evidence.FRESH_CIPHERTEXTS
        bundle = None
        if changed or unanswered:
            bundle = await self._records.bundle(contact, contents)

        def job(tx: Transaction) -> list[OutboundItem]:
            now = self._runtime.wall()
            row = renewals.get(tx, contact)
            counted = row._replace(doubts=row.doubts + 1, doubted_at=now, record_prekeys=named)
            renewals.put(tx, contact, counted)
            if bundle is not None and evidence.limit_of(row).allowed_at(now) <= now:
                return self._start_afresh(tx, contact, bundle, now)
            if header is not None or row.doubts >= evidence.FRESH_CIPHERTEXTS:
                return []
            waiting = outbox.unanswered(tx, contact, now - evidence.DOUBT_SECONDS)
            return self._composer.repeat(tx, contact, waiting)

        ready = await self._database.write(job)
        if bundle is not None:
            self._recipients.found(contact, contents)
            await until_stored(partial(self._recipients.learn, (contact,)))
        self.on_ready(ready)

    async def _follow(self, contact: UserAddress, contents: RecordContents) -> None:
        """Nothing that was sent to a contact is acknowledged for long: has it moved?

        If its record names a mailbox that it could not tell us of, it is written to there, as
        somebody new would: a public send id takes first messages only.
        """
        self._silent.discard(contact)
        now = self._runtime.monotonic()
        _, wait = self._looked.get(contact, (0.0, FIRST_SILENCE_SECONDS))
        self._looked[contact] = now + wait, min(2 * wait, LONGEST_SILENCE_SECONDS)
        known = await self._database.read(partial(contacts.get, address=contact))
        told = {target.relay for target in contact_targets(known)} if known else set()
        if told and told >= {entry.relay for entry in contents.mailboxes}:
            return
        bundle = await self._records.bundle(contact, contents) if told else None
        ready: list[OutboundItem] = []
        if bundle is not None:
            job = partial(self._start_afresh_if_allowed, contact=contact, bundle=bundle)
            ready = await self._database.write(job)
        if ready or not told:
            before = self._recipients.targets(contact)
            self._recipients.found(contact, contents)
            await until_stored(partial(self._recipients.learn, (contact,)))
            if self._recipients.targets(contact) != before:
                self.on_moved(contact)
        self.on_ready(ready)

    def _start_afresh_if_allowed(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle
    ) -> list[OutboundItem]:
        now = self._runtime.wall()
        if evidence.limit_of(renewals.get(tx, contact)).allowed_at(now) > now:
            return []
        return self._start_afresh(tx, contact, bundle, now)

    def _evidence(
        self, tx: Transaction, contact: UserAddress
    ) -> tuple[RenewalRow, InitialHeader | None]:
        """Return what is known, and the header of a ratchet that was never answered."""
        sender = self._sessions.sender(tx, contact)
        header = None if sender is None else sender.initial_header
        row = renewals.get(tx, contact)
        return row, None if header is None else InitialHeader.from_bytes(header)

    def _start_afresh(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> list[OutboundItem]:
        """Write as to somebody new: to the record's mailboxes, without waiting for an answer."""
        contacts.set_route(tx, contact, None, 0)
        opening = self._start(tx, contact, bundle, now)
        ratchet_ids = {entry.item.ratchet_id for entry in opening}
        again = [
            entry
            for ratchet_id in ratchet_ids
            for entry in self._composer.encrypt_again(tx, contact, ratchet_id)
        ]
        return opening + again


def _named(contents: RecordContents) -> bytes:
    """Return which prekeys a record names."""
    signed = SignedPrekey.from_bytes(contents.signed_prekey).key_id
    last_resort = PqPrekey.from_bytes(contents.pq_prekey).key_id
    return signed.to_bytes(_ID_BYTES, "big") + last_resort.to_bytes(_ID_BYTES, "big")


def _ids(header: InitialHeader) -> bytes:
    """Return which prekeys of a record a first message used."""
    signed, last_resort = header.signed_prekey_id, header.pq_prekey_id
    return signed.to_bytes(_ID_BYTES, "big") + last_resort.to_bytes(_ID_BYTES, "big")

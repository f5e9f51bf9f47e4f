"""Makes a new ratchet with a contact from its user record, at most once an hour.

The same is done where two sides have lost sight of each other: all mailboxes that we know of a
contact are gone, and its word of the new ones went to mailboxes of ours that are gone too. Spec:
docs/spec/end-to-end.md section 8.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects, OutboundItem
from zentalk.node.messages.routes import contact_targets, record_targets
from zentalk.node.records.lookup import RecordLookup
from zentalk.node.sessions import evidence
from zentalk.store.history import contacts, outbox, renewals
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.renewals import RenewalRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import PqPrekey, PrekeyBundle, SignedPrekey
from zentalk.wire.ratchet import InitialHeader
from zentalk.wire.user_record import RecordContents

_ID_BYTES: Final = 4


class SessionRenewal:
    """What is done for a contact whose user record was read; raises ATTEMPT_FAULTS."""

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

    async def renew(self, contact: UserAddress, contents: RecordContents) -> None:
        """The contact cannot be read: ask for a new ratchet; it sends once it is answered."""
        bundle = await self._records.bundle(contact, contents)

        def job(tx: Transaction) -> CommitEffects:
            now = self._runtime.wall()
            if not evidence.limit_of(renewals.get(tx, contact)).due(now):
                return NO_EFFECTS  # the contact was first
            _, opening = self._start(tx, contact, bundle, now)
            return CommitEffects(send=tuple(opening))

        await self._outbox.carry_out(await self._database.write(job))

    async def look(self, contact: UserAddress, contents: RecordContents) -> None:
        """Mail to a contact is not confirmed for long: has it lost what it had?

        If its record names other keys it was there since, and did not get or could not read
        the mail. If not, it may be away, or miss one key only; a ratchet that has no numbers left
        to find that out gives way to a new one.
        """
        named = _named(contents)
        row, header, worn = await self._database.read(partial(self._evidence, contact=contact))
        before = row.record_prekeys if header is None else _ids(header)
        changed = before is not None and before != named
        unanswered = header is not None and row.doubts + 1 == evidence.FRESH_CIPHERTEXTS
        bundle = None
        if changed or unanswered or worn:
            bundle = await self._records.bundle(contact, contents)
        job = partial(self._doubt, contact=contact, bundle=bundle, named=named)
        effects = await self._database.write(job)
        if bundle is not None:
            self._recipients.found(contact, contents)
        await self._outbox.carry_out(effects)

    def _doubt(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle | None, named: bytes
    ) -> CommitEffects:
        """Count a look, and write to a contact in a way that it can read if it could not before."""
        now = self._runtime.wall()
        row = renewals.get(tx, contact)
        counted = row._replace(doubts=row.doubts + 1, doubted_at=now, record_prekeys=named)
        renewals.put(tx, contact, counted)
        if bundle is not None and evidence.limit_of(row).allowed_at(now) <= now:
            return self._start_afresh(tx, contact, bundle, now)
        is_new = self._composer.initial_header(tx, contact) is not None
        if is_new or row.doubts >= evidence.FRESH_CIPHERTEXTS:
            return NO_EFFECTS
        waiting = outbox.unanswered(tx, contact, now - evidence.DOUBT_SECONDS)
        return CommitEffects(send=tuple(self._composer.repeat(tx, contact, waiting)))

    async def follow(self, contact: UserAddress, contents: RecordContents) -> None:
        """Nothing that was sent to a contact is acknowledged for long: has it moved?

        If its record names a mailbox that it could not tell us of, it is written to there, as
        somebody new would: a public send id takes first messages only.
        """
        known = await self._database.read(partial(contacts.get, address=contact))
        told = {target.relay for target in contact_targets(known)} if known else set()
        if told and told >= {entry.relay for entry in contents.mailboxes}:
            return
        effects = NO_EFFECTS
        if told:
            bundle = await self._records.bundle(contact, contents)
            job = partial(self._start_afresh_if_allowed, contact=contact, bundle=bundle)
            effects = await self._database.write(job)
        if effects.send or not told:
            # From here on the record counts: the route is gone, or there never was one.
            has_moved = self._recipients.targets.get(contact, ()) != record_targets(contents)
            self._recipients.found(contact, contents)
            rerouted = frozenset({contact} if has_moved else ())
            effects = replace(effects, new_routes=frozenset({contact}), rerouted=rerouted)
        await self._outbox.carry_out(effects)

    def _start_afresh_if_allowed(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle
    ) -> CommitEffects:
        now = self._runtime.wall()
        if evidence.limit_of(renewals.get(tx, contact)).allowed_at(now) > now:
            return NO_EFFECTS
        return self._start_afresh(tx, contact, bundle, now)

    def _start_afresh(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> CommitEffects:
        """Write as to somebody new: to the record's mailboxes, without waiting for an answer."""
        contacts.set_route(tx, contact, None, 0)
        ratchet_id, opening = self._start(tx, contact, bundle, now)
        first = CommitEffects(send=tuple(opening), new_routes=frozenset({contact}))
        if not opening:
            return first
        again = self._composer.encrypt_again(tx, contact, ratchet_id)
        return CommitEffects.together([first, again])

    def _start(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> tuple[bytes, list[OutboundItem]]:
        """Initiate a ratchet; its first message asks for an answer and tells our route."""
        ratchet_id = self._composer.start_session(tx, contact, bundle, now)
        row = renewals.get(tx, contact)
        renewals.put(tx, contact, evidence.with_limit(row, evidence.limit_of(row).renewed(now)))
        contacts.forget_versions(tx, contact)
        known = contacts.get(tx, contact)
        if known is None:
            return ratchet_id, []
        return ratchet_id, self._composer.open_ratchet(tx, known, ratchet_id, now)

    def _evidence(
        self, tx: Transaction, contact: UserAddress
    ) -> tuple[RenewalRow, InitialHeader | None, bool]:
        """Return what is known, the header of a ratchet never answered, and if it is worn."""
        composer = self._composer
        header, worn = composer.initial_header(tx, contact), composer.is_worn(tx, contact)
        return renewals.get(tx, contact), header, worn


def _named(contents: RecordContents) -> bytes:
    """Return which prekeys a record names."""
    signed = SignedPrekey.from_bytes(contents.signed_prekey).key_id
    last_resort = PqPrekey.from_bytes(contents.pq_prekey).key_id
    return signed.to_bytes(_ID_BYTES, "big") + last_resort.to_bytes(_ID_BYTES, "big")


def _ids(header: InitialHeader) -> bytes:
    """Return which prekeys of a record a first message used."""
    signed, last_resort = header.signed_prekey_id, header.pq_prekey_id
    return signed.to_bytes(_ID_BYTES, "big") + last_resort.to_bytes(_ID_BYTES, "big")

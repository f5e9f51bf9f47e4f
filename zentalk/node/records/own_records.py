"""The owner's records as they lie in the database: planned, sealed once, changed if they must be.

Jobs of the writer's thread. A day's record is sealed days ahead and its bytes are kept: whatever
the node does, and whenever it starts, holders are offered the same ones. It must never seal one
anew that may have been seen, unless what it says is no longer true or another one is above it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from zentalk.crypto import x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.mlkem import public_of
from zentalk.crypto.types import Entropy, Secret
from zentalk.directory.records import AHEAD_DAYS, first_valid_day
from zentalk.errors import RemoteProtocolError
from zentalk.ids import Day, MailboxId, NodeId, UserAddress, day_at
from zentalk.node.messages.routes import current
from zentalk.node.records import schedule
from zentalk.node.sessions import prekey_rotation
from zentalk.store.history import mailboxes, own_records, prekeys, terms
from zentalk.store.history.models import OwnSendId
from zentalk.store.history.own_records import OwnRecord, RecordState
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import PqPrekey, SignedPrekey
from zentalk.wire.user_record import (
    MailboxEntry,
    OuterRecord,
    RecordContents,
    decode_record,
    open_record,
    seal_record,
)


class _Source(NamedTuple):
    """What the contents of one day's record are made of."""

    send_ids: tuple[tuple[NodeId, OwnSendId], ...]
    signed: tuple[int, Secret]
    last_resort: tuple[int, Secret]
    term: int


class OwnRecords:
    """Plans and seals the records of one owner. Times are unix seconds.

    What a day's record says, and what its bytes show, is kept for as long as the day counts: each
    plan compares both for all days, and they cost key pairs, signatures and a key derivation.
    """

    def __init__(self, identity: SigningKey, entropy: Entropy) -> None:
        self._identity = identity
        self._entropy = entropy
        self._made: dict[Day, tuple[_Source, RecordContents]] = {}
        self._read: dict[Day, tuple[bytes, RecordContents | None]] = {}

    def resume(self, tx: Transaction, now: float) -> None:
        """Draw new times for what came due while the node was off: its start is not to be seen."""
        for row in own_records.every(tx):
            is_late = row.due_at <= now
            waits = row.state is RecordState.HELD or not schedule.is_urgent(row.day, now)
            later = partial(schedule.drawn, now, schedule.SPREAD_SECONDS, self._entropy)
            change_at = row.change_at
            if change_at is not None and change_at <= now:
                change_at = later()
            due_at = later() if is_late and waits else row.due_at
            own_records.put(tx, replace(row, due_at=due_at, change_at=change_at))

    def plan(self, tx: Transaction, now: float, working: frozenset[MailboxId]) -> list[OwnRecord]:
        """Seal what is missing and note what has changed; return the records of all days.

        `working` are the mailboxes where mail is collected now.
        """
        first, last = first_valid_day(now), Day(day_at(now) + AHEAD_DAYS)
        own_records.keep_only(tx, first, last)
        self._keep_only(first, last)
        known = {row.day: row for row in own_records.every(tx)}
        for day in map(Day, range(first, last + 1)):
            contents = self._contents(tx, day)
            if contents is None:
                continue  # no mailbox has a public send id of that day yet
            before = known.get(day)
            if before is None or before.raw is None:
                sequence = 0 if before is None else before.sequence + 1
                due_at = schedule.first_offer(day, now, self._entropy)
                planned = self._seal(day, sequence, contents, due_at)
            else:
                planned = self._revised(tx, before, contents, now, working)
            if planned != before:
                own_records.put(tx, planned)
        return [row for row in own_records.every(tx) if row.raw is not None]

    def take_up(self, tx: Transaction, now: float, day: Day) -> OwnRecord | None:
        """Return a day's record to be offered or looked for now, with its change if that is due."""
        row = own_records.get(tx, day)
        if row is None or day < first_valid_day(now):
            return None  # its time was over while it waited for its turn
        contents = self._contents(tx, day)
        if row.change_at is not None and row.change_at <= now and contents is not None:
            sequence = schedule.sequence_of_change(day, now, row.sequence)
            row = self._seal(day, sequence, contents, now)
        if row.state is RecordState.SEALED:
            row = replace(row, state=RecordState.OFFERED)
        own_records.put(tx, row)
        return row

    def held(self, tx: Transaction, now: float, day: Day, *, by_few: bool) -> None:
        """Note that holders have a day's record; it is looked for again, soon if they are few."""
        row = own_records.get(tx, day)
        if row is None:
            return
        due_at = schedule.next_look(day, now, self._entropy)
        if by_few:
            due_at = schedule.drawn(now, schedule.SOON_SECONDS, self._entropy)
        own_records.put(tx, replace(row, state=RecordState.HELD, due_at=due_at))

    def put_off(self, tx: Transaction, now: float, day: Day, wait: float) -> None:
        """Try a day's record again after some seconds."""
        row = own_records.get(tx, day)
        if row is not None:
            own_records.put(tx, replace(row, due_at=now + wait))

    def outdone(
        self, tx: Transaction, now: float, day: Day, other: OuterRecord | None, wait: float = 0.0
    ) -> None:
        """Holders have a later record of ours that we do not know: the folder is an old copy.

        If `other`, as far as it could be read, says the same, it is ours from now on. If it has a
        higher term, another node of the owner is the first, and nothing is sealed above it. Else
        one above it is sealed, to be offered after some seconds.
        """
        row, contents = own_records.get(tx, day), self._contents(tx, day)
        if row is None or contents is None:
            return
        shown = None if other is None else self._shown(other)
        if shown is not None and shown.term > contents.term:
            terms.put_outdone(tx, shown.term)
            due_at = schedule.next_look(day, now, self._entropy)
            own_records.put(tx, replace(row, due_at=due_at))
            return
        if other is not None and shown == contents:
            adopted = replace(row, raw=other.raw, sequence=other.sequence, change_at=None)
            due_at = schedule.next_look(day, now, self._entropy)
            own_records.put(tx, replace(adopted, state=RecordState.HELD, due_at=due_at))
            return
        above = max(row.sequence, 0 if other is None else other.sequence)
        sequence = schedule.sequence_of_change(day, now, above)
        sealed = self._seal(day, sequence, contents, now + wait)
        own_records.put(tx, replace(sealed, state=RecordState.OFFERED))

    def hasten(self, tx: Transaction, now: float) -> None:
        """Look for all records soon: their holders have moved."""
        for row in own_records.every(tx):
            soon = schedule.drawn(now, schedule.SOON_SECONDS, self._entropy)
            own_records.put(tx, replace(row, due_at=min(row.due_at, soon)))

    def _revised(
        self,
        tx: Transaction,
        row: OwnRecord,
        contents: RecordContents,
        now: float,
        working: frozenset[MailboxId],
    ) -> OwnRecord:
        """Return a record with what becomes of it, now that `contents` would be true."""
        assert row.raw is not None
        shown = self._shown_before(row.day, row.raw)
        if shown == contents:
            return replace(row, change_at=None)
        if row.state is RecordState.SEALED:
            return self._seal(row.day, row.sequence, contents, row.due_at)
        works = (
            shown is not None
            and shown.term == contents.term  # the node that is replaced reads it there
            and _is_of_use(tx, shown, working)
        )
        if works and row.change_at is not None:
            return row
        change_at = schedule.time_of_change(now, works=works, entropy=self._entropy)
        return replace(row, change_at=change_at)

    def _seal(self, day: Day, sequence: int, contents: RecordContents, due_at: float) -> OwnRecord:
        raw = seal_record(self._identity, day, sequence, contents, self._entropy)
        return OwnRecord(day, sequence, raw, RecordState.SEALED, due_at)

    def _shown_before(self, day: Day, raw: bytes) -> RecordContents | None:
        """Return what readers find in a record that we have sealed or taken up."""
        known = self._read.get(day)
        if known is None or known[0] != raw:
            known = self._read[day] = raw, self._shown(decode_record(raw))
        return known[1]

    def _shown(self, record: OuterRecord) -> RecordContents | None:
        """Return what readers of a record find, None if they find nothing."""
        try:
            return open_record(record, UserAddress(self._identity.public))
        except RemoteProtocolError:
            return None

    def _contents(self, tx: Transaction, day: Day) -> RecordContents | None:
        """Return what the record of a day is to say, None without mailboxes."""
        send_ids = tuple(
            (mailbox.relay, row)
            for mailbox in current(tx)
            for row in mailboxes.public_send_ids(tx, mailbox.mailbox, day)
        )
        if not send_ids:
            return None
        key_id, secret = prekey_rotation.of_day(tx, "signed", day, self._entropy)
        last_id, seed = prekey_rotation.of_day(tx, "pq", day, self._entropy)
        signed, last_resort = (key_id, Secret(secret)), (last_id, Secret(seed))
        source = _Source(send_ids, signed, last_resort, terms.own(tx))
        known = self._made.get(day)
        if known is not None and known[0] == source:
            return known[1]
        contents = self._make(source)
        self._made[day] = source, contents
        return contents

    def _make(self, source: _Source) -> RecordContents:
        (key_id, secret), (last_id, seed) = source.signed, source.last_resort
        signed = SignedPrekey.create(self._identity, key_id, x25519.from_secret(secret).public)
        last_resort = PqPrekey.create(self._identity, last_id, public_of(seed))
        return RecordContents(
            mailboxes=tuple(
                MailboxEntry(relay, row.send_id, x25519.from_secret(row.secret).public)
                for relay, row in source.send_ids
            ),
            signed_prekey=signed.to_bytes(),
            pq_prekey=last_resort.to_bytes(),
            term=source.term,
        )

    def _keep_only(self, first: Day, last: Day) -> None:
        self._made = {day: kept for day, kept in self._made.items() if first <= day <= last}
        self._read = {day: kept for day, kept in self._read.items() if first <= day <= last}


def _is_of_use(tx: Transaction, shown: RecordContents, working: frozenset[MailboxId]) -> bool:
    """Tell whether who reads an old record reaches us: by one mailbox, with keys that we have."""
    rows = [mailboxes.send_id(tx, entry.send_id) for entry in shown.mailboxes]
    signed = SignedPrekey.from_bytes(shown.signed_prekey).key_id
    last_resort = PqPrekey.from_bytes(shown.pq_prekey).key_id
    has_keys = None not in (prekeys.get(tx, "signed", signed), prekeys.get(tx, "pq", last_resort))
    return has_keys and any(row is not None and row.mailbox in working for row in rows)

"""Mailboxes in memory: the `memory` profile, where nothing survives a restart.

Spec: docs/spec/mailbox.md section 7. The same contract as the SQLite store; because it
promises nothing, the core sends no acknowledgement for what lies here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.look_ups import DueOutcome, FindMailbox, FindOwner, FoundOutcome, ListDue
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.mailbox.storage import (
    DONE,
    ChangeSendIds,
    ClearSendIds,
    CountAttempts,
    DeleteEnvelopes,
    Done,
    DropArrivals,
    KeepTime,
    KeepTurns,
    Operation,
    Outcome,
    PutEnvelope,
    PutOutcome,
    PutResult,
    ReadEnvelopes,
    ReadOutcome,
    RemovedOutcome,
    RemoveMailbox,
    Room,
    SendIdsOutcome,
    ShortenExpiry,
    SweepEnvelopes,
)
from zentalk.mailbox.stored import (
    CONTACT,
    NO_TURNS_TAKEN,
    SINK,
    Envelope,
    Loaded,
    Removed,
    SaveMailbox,
    StoredSendId,
    Totals,
)
from zentalk.store.mailbox.memory_box import MemoryBox, MemoryTotal, group


class MemoryMailboxStore:
    """A `MailboxStore` that forgets everything when the process ends."""

    def __init__(self) -> None:
        self._boxes: dict[MailboxId, MemoryBox] = {}
        self._owners: dict[SendId, MailboxId] = {}
        self._hour = 0
        self._turns = NO_TURNS_TAKEN
        self._total = MemoryTotal()
        self._methods: dict[type[Any], Callable[[Any], Outcome]] = {
            PutEnvelope: self._put,
            DropArrivals: self._drop_arrivals,
            DeleteEnvelopes: self._delete,
            SweepEnvelopes: self._sweep,
            ReadEnvelopes: self._read,
            CountAttempts: self._count_attempts,
            ShortenExpiry: self._shorten,
            FindMailbox: self._find_mailbox,
            FindOwner: self._find_owner,
            ListDue: self._list_due,
            SaveMailbox: self._save,
            RemoveMailbox: self._remove_mailbox,
            ChangeSendIds: self._change_send_ids,
            ClearSendIds: self._clear_send_ids,
            PutPrekeys: self._put_prekeys,
            ListPrekeys: self._list_prekeys,
            TakePrekey: self._take_prekey,
            KeepTime: self._keep_time,
            KeepTurns: self._keep_turns,
        }

    @property
    def memory_bytes(self) -> int:
        """The amount of mail in the store."""
        return self._total.size_bytes

    def load(self) -> Loaded:
        """Return how much is stored, and what is kept besides."""
        waiting = [len(box.envelopes) for box in self._boxes.values()]
        totals = Totals(len(self._boxes), len(self._owners), sum(waiting), sum(map(bool, waiting)))
        return Loaded(totals, self._hour, self._turns)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Execute operations in order; none of them can fail."""
        return [self._methods[type(operation)](operation) for operation in operations]

    def close(self) -> None:
        """Nothing to release."""

    # --- envelopes -----------------------------------------------------------------------

    def _put(self, operation: PutEnvelope) -> PutOutcome:
        envelope = operation.envelope
        box = self._boxes.get(envelope.mailbox)
        if box is None:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
        known = box.by_deposit.get(envelope.send_id + envelope.deposit_id)
        if known is None and operation.room is Room.REPLACE_ONLY:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
        evicted: tuple[Removed, ...] = ()
        if operation.change is not None:
            evicted = box.admit(envelope.send_id, operation.change)
        if known is not None and envelope.work == SINK:
            return PutOutcome(PutResult.REPLACED, known, 0, ())
        if known is not None:
            stored = box.envelopes[known]
            work = max(stored.work, envelope.work)
            box.envelopes[known] = replace(
                stored, sealed=envelope.sealed, work=work, stamp=envelope.stamp
            )
            grown = len(envelope.sealed) - len(stored.sealed)
            self._total.size_bytes += grown
            return PutOutcome(PutResult.REPLACED, known, grown, evicted)
        if operation.room is Room.EVICT_OLDEST:
            evicted = box.evict_oldest(len(envelope.sealed))
        box.insert(envelope)
        return PutOutcome(PutResult.INSERTED, envelope.seq, len(envelope.sealed), evicted)

    def _drop_arrivals(self, operation: DropArrivals) -> RemovedOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return RemovedOutcome(())
        return RemovedOutcome(box.drop(operation.send_id, operation.deposit_ids))

    def _delete(self, operation: DeleteEnvelopes) -> RemovedOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return RemovedOutcome(())
        removed = [box.remove(seq) for seq in operation.seqs]
        return RemovedOutcome(group(item for item in removed if item is not None))

    def _sweep(self, operation: SweepEnvelopes) -> RemovedOutcome:
        expired = sorted(
            (envelope.expires_hour, envelope.mailbox, envelope.seq)
            for box in self._boxes.values()
            for envelope in box.envelopes.values()
            if envelope.expires_hour <= operation.now_hour
        )
        removed = []
        for _, mailbox, seq in expired[: operation.limit]:
            envelope = self._boxes[mailbox].remove(seq)
            if envelope is not None:
                removed.append(envelope)
        keys = {envelope.mailbox for envelope in removed}
        empty = tuple(sorted(key for key in keys if not self._boxes[key].envelopes))
        return RemovedOutcome(group(removed), empty)

    def _read(self, operation: ReadEnvelopes) -> ReadOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return ReadOutcome((), more=False)
        envelopes: list[Envelope] = []
        size_bytes = 0
        for seq in box.order[bisect_right(box.order, operation.after_seq) :]:
            envelope = box.envelopes[seq]
            if envelope.work == SINK:
                continue
            is_public = envelope.work != CONTACT
            if envelope.expires_hour <= operation.now_hour or operation.public is (not is_public):
                continue
            size_bytes += len(envelope.sealed)
            if envelopes and (
                len(envelopes) == operation.limit or size_bytes > operation.max_bytes
            ):
                return ReadOutcome(tuple(envelopes), more=True)
            envelopes.append(envelope)
        return ReadOutcome(tuple(envelopes), more=False)

    def _count_attempts(self, operation: CountAttempts) -> Done:
        box = self._boxes.get(operation.mailbox)
        for seq in operation.seqs if box is not None else ():
            envelope = box.envelopes.get(seq) if box is not None else None
            if box is not None and envelope is not None:
                box.envelopes[seq] = replace(
                    envelope, attempts=envelope.attempts + 1, last_attempt_hour=operation.hour
                )
        return DONE

    def _shorten(self, operation: ShortenExpiry) -> Done:
        for box in self._boxes.values():
            for seq, envelope in box.envelopes.items():
                latest = envelope.arrived_hour + operation.max_hours
                if envelope.expires_hour > latest:
                    box.envelopes[seq] = replace(envelope, expires_hour=latest)
        return DONE

    # --- mailboxes -----------------------------------------------------------------------

    def _save(self, operation: SaveMailbox) -> Done:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            box = self._boxes[operation.mailbox] = MemoryBox(operation, self._total)
        box.save(operation)
        return DONE

    def _remove_mailbox(self, operation: RemoveMailbox) -> Totals:
        box = self._boxes.pop(operation.mailbox, None)
        if box is None:
            return Totals()
        for send_id in box.send_ids:
            del self._owners[send_id]
        for envelope in box.envelopes.values():
            self._total.size_bytes -= len(envelope.sealed)
        return Totals(1, len(box.send_ids), len(box.envelopes), int(bool(box.envelopes)))

    def _find_mailbox(self, operation: FindMailbox) -> FoundOutcome:
        return self._found(operation.mailbox)

    def _find_owner(self, operation: FindOwner) -> FoundOutcome:
        return self._found(self._owners.get(operation.send_id))

    def _found(self, mailbox: MailboxId | None) -> FoundOutcome:
        box = None if mailbox is None else self._boxes.get(mailbox)
        return FoundOutcome(None if box is None else box.found())

    def _list_due(self, operation: ListDue) -> DueOutcome:
        due = sorted(
            key
            for key, box in self._boxes.items()
            if key > operation.after and box.is_due(operation)
        )
        return DueOutcome(tuple(due[: operation.limit]))

    def _change_send_ids(self, operation: ChangeSendIds) -> SendIdsOutcome:
        owners = (self._owners.get(entry.send_id) for entry in operation.add)
        if any(owner not in (None, operation.mailbox) for owner in owners):
            return SendIdsOutcome(is_taken=True)
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return SendIdsOutcome(is_taken=False)
        for send_id in operation.remove:
            if box.send_ids.pop(send_id, None) is not None:
                box.arrivals.pop(send_id, None)
                del self._owners[send_id]
        for entry in operation.add:
            self._owners[entry.send_id] = operation.mailbox
            known = box.send_ids.get(entry.send_id)
            used_day = operation.day if known is None else known.used_day
            box.send_ids[entry.send_id] = StoredSendId(entry, used_day)
        return SendIdsOutcome(is_taken=False)

    def _clear_send_ids(self, operation: ClearSendIds) -> RemovedOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return RemovedOutcome(())
        cleared = set(operation.send_ids)
        seqs = [seq for seq, item in box.envelopes.items() if item.send_id in cleared]
        removed = [box.remove(seq) for seq in seqs]
        return RemovedOutcome(group(item for item in removed if item is not None))

    def _put_prekeys(self, operation: PutPrekeys) -> PoolOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return PoolOutcome(0)
        for prekey_id in operation.remove:
            box.prekeys.pop(prekey_id, None)
        for item in operation.add:
            box.prekeys.setdefault(item.prekey_id, item.blob)
        return PoolOutcome(len(box.prekeys))

    def _list_prekeys(self, operation: ListPrekeys) -> PoolListOutcome:
        box = self._boxes.get(operation.mailbox)
        return PoolListOutcome(() if box is None else tuple(box.prekeys))

    def _take_prekey(self, operation: TakePrekey) -> PrekeyOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None or not box.prekeys:
            return PrekeyOutcome(None)
        box.takes, box.takes_day = operation.takes, operation.day
        return PrekeyOutcome(box.prekeys.pop(next(iter(box.prekeys))))

    def _keep_time(self, operation: KeepTime) -> Done:
        self._hour = max(self._hour, operation.hour)
        return DONE

    def _keep_turns(self, operation: KeepTurns) -> Done:
        self._turns = operation.taken
        return DONE

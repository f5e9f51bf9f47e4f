"""Mailboxes in memory: the `memory` profile, where nothing survives a restart.

Spec: docs/spec/mailbox.md section 7. The same contract as the SQLite store; because it
promises nothing, the core sends no acknowledgement for what lies here.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.storage import (
    DONE,
    NO_TURNS_TAKEN,
    ChangeSendIds,
    CountAttempts,
    DeleteEnvelopes,
    Done,
    Envelope,
    KeepTime,
    KeepTurns,
    Loaded,
    Operation,
    Outcome,
    PoolOutcome,
    PrekeyOutcome,
    PutEnvelope,
    PutOutcome,
    PutPrekeys,
    PutResult,
    ReadEnvelopes,
    ReadOutcome,
    Removed,
    RemovedOutcome,
    RemoveMailbox,
    Room,
    SaveMailbox,
    ShortenExpiry,
    StoredMailbox,
    SweepEnvelopes,
    TakePrekey,
    group_removed,
)
from zentalk.wire.rpc_send_ids import SendIdEntry


class _Total:
    """The size of everything in all mailboxes."""

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0


class _Box:
    """One mailbox: envelopes by number and in order, send ids, prekeys."""

    __slots__ = ("_total", "by_deposit", "envelopes", "order", "prekeys", "record", "send_ids")

    def __init__(self, record: SaveMailbox, total: _Total) -> None:
        self._total = total
        self.record = record
        self.envelopes: dict[int, Envelope] = {}
        self.order: list[int] = []
        self.by_deposit: dict[bytes, int] = {}
        self.send_ids: dict[SendId, SendIdEntry] = {}
        self.prekeys: deque[bytes] = deque()

    def insert(self, envelope: Envelope) -> None:
        self.envelopes[envelope.seq] = envelope
        self._total.size_bytes += len(envelope.sealed)
        insort(self.order, envelope.seq)
        self.by_deposit[envelope.send_id + envelope.deposit_id] = envelope.seq

    def remove(self, seq: int) -> Envelope | None:
        envelope = self.envelopes.pop(seq, None)
        if envelope is not None:
            self._total.size_bytes -= len(envelope.sealed)
            self.order.remove(seq)
            del self.by_deposit[envelope.send_id + envelope.deposit_id]
        return envelope


class MemoryMailboxStore:
    """A `MailboxStore` that forgets everything when the process ends."""

    def __init__(self) -> None:
        self._boxes: dict[MailboxId, _Box] = {}
        self._owners: dict[SendId, MailboxId] = {}
        self._hour = 0
        self._turns = NO_TURNS_TAKEN
        self._total = _Total()
        self._methods: dict[type[Any], Callable[[Any], Outcome]] = {
            PutEnvelope: self._put,
            DeleteEnvelopes: self._delete,
            SweepEnvelopes: self._sweep,
            ReadEnvelopes: self._read,
            CountAttempts: self._count_attempts,
            ShortenExpiry: self._shorten,
            SaveMailbox: self._save,
            RemoveMailbox: self._remove_mailbox,
            ChangeSendIds: self._change_send_ids,
            PutPrekeys: self._put_prekeys,
            TakePrekey: self._take_prekey,
            KeepTime: self._keep_time,
            KeepTurns: self._keep_turns,
        }

    @property
    def memory_bytes(self) -> int:
        """The amount of mail in the store."""
        return self._total.size_bytes

    def load(self) -> Loaded:
        """Return what is stored, without the envelopes."""
        boxes = tuple(_load(box) for box in self._boxes.values())
        return Loaded(boxes, self._hour, self._turns)

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
        if known is not None:
            stored = box.envelopes[known]
            work = max(stored.work, envelope.work)
            box.envelopes[known] = replace(stored, sealed=envelope.sealed, work=work)
            grown = len(envelope.sealed) - len(stored.sealed)
            self._total.size_bytes += grown
            return PutOutcome(PutResult.REPLACED, known, grown, ())
        if operation.room is Room.REPLACE_ONLY:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
        lowest = _least_work(box, operation)
        if lowest is not None and lowest.work >= envelope.work:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, (), lowest.work)
        evicted: tuple[Removed, ...] = ()
        if lowest is not None:
            box.remove(lowest.seq)
            evicted = _group([lowest])
        elif operation.room is Room.EVICT_OLDEST:
            evicted = _evict(box, len(envelope.sealed))
        box.insert(envelope)
        lowest = _least_work(box, operation)
        worth = 0 if lowest is None else lowest.work
        return PutOutcome(PutResult.INSERTED, envelope.seq, len(envelope.sealed), evicted, worth)

    def _delete(self, operation: DeleteEnvelopes) -> RemovedOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return RemovedOutcome(())
        removed = [box.remove(seq) for seq in operation.seqs]
        return RemovedOutcome(_group(item for item in removed if item is not None))

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
        return RemovedOutcome(_group(removed))

    def _read(self, operation: ReadEnvelopes) -> ReadOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return ReadOutcome((), more=False)
        envelopes: list[Envelope] = []
        size_bytes = 0
        for seq in box.order[bisect_right(box.order, operation.after_seq) :]:
            envelope = box.envelopes[seq]
            if envelope.expires_hour <= operation.now_hour:
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
            self._boxes[operation.mailbox] = _Box(operation, self._total)
        else:
            box.record = operation
        return DONE

    def _remove_mailbox(self, operation: RemoveMailbox) -> Done:
        box = self._boxes.pop(operation.mailbox, None)
        for send_id in box.send_ids if box is not None else ():
            del self._owners[send_id]
        for envelope in box.envelopes.values() if box is not None else ():
            self._total.size_bytes -= len(envelope.sealed)
        return DONE

    def _change_send_ids(self, operation: ChangeSendIds) -> Done:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return DONE
        for send_id in operation.remove:
            if box.send_ids.pop(send_id, None) is not None:
                del self._owners[send_id]
        for entry in operation.add:
            if self._owners.setdefault(entry.send_id, operation.mailbox) == operation.mailbox:
                box.send_ids[entry.send_id] = entry
        return DONE

    def _put_prekeys(self, operation: PutPrekeys) -> PoolOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None:
            return PoolOutcome(0)
        if operation.replace:
            box.prekeys.clear()
        box.prekeys.extend(operation.blobs)
        return PoolOutcome(len(box.prekeys))

    def _take_prekey(self, operation: TakePrekey) -> PrekeyOutcome:
        box = self._boxes.get(operation.mailbox)
        if box is None or not box.prekeys:
            return PrekeyOutcome(None)
        return PrekeyOutcome(box.prekeys.popleft())

    def _keep_time(self, operation: KeepTime) -> Done:
        self._hour = max(self._hour, operation.hour)
        return DONE

    def _keep_turns(self, operation: KeepTurns) -> Done:
        self._turns = operation.taken
        return DONE


def _load(box: _Box) -> StoredMailbox:
    return StoredMailbox(
        record=box.record,
        last_seq=box.order[-1] if box.order else -1,
        prekeys=len(box.prekeys),
        send_ids=tuple(box.send_ids.values()),
        waiting=_group(box.envelopes.values()),
    )


def _evict(box: _Box, size_bytes: int) -> tuple[Removed, ...]:
    """Remove the oldest until as many bytes are free as the new envelope takes."""
    evicted: list[Envelope] = []
    freed = 0
    while freed < size_bytes and box.order:
        envelope = box.remove(box.order[0])
        if envelope is not None:
            evicted.append(envelope)
            freed += len(envelope.sealed)
    return _group(evicted)


def _least_work(box: _Box, operation: PutEnvelope) -> Envelope | None:
    """Return the envelope that gives way to more work, where work decides: the newest."""
    room, send_id = operation.room, operation.envelope.send_id
    if room not in (Room.EVICT_LESS_WORK, Room.EVICT_LESS_PUBLIC_WORK):
        return None
    of_all = room is Room.EVICT_LESS_PUBLIC_WORK
    rivals = (
        item
        for item in box.envelopes.values()
        if item.work >= 0 and (of_all or item.send_id == send_id)
    )
    return min(rivals, key=lambda item: (item.work, -item.seq), default=None)


def _group(envelopes: Iterable[Envelope]) -> tuple[Removed, ...]:
    return group_removed(
        (item.mailbox, item.send_id, item.work, len(item.sealed)) for item in envelopes
    )

"""One mailbox in memory: its envelopes in order, send ids, lists of arrivals and prekeys.

Spec: docs/spec/mailbox.md section 7. Only what `memory` needs of it; nothing here decides
anything.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import replace

from zentalk.ids import DepositId, PrekeyId, SendId
from zentalk.mailbox.arrivals import Arrival, ListChange
from zentalk.mailbox.look_ups import ListDue
from zentalk.mailbox.stored import (
    CONTACT,
    Envelope,
    Removed,
    SaveMailbox,
    StoredMailbox,
    StoredSendId,
    group_removed,
)
from zentalk.wire.rpc_send_ids import SendIdKind


class MemoryTotal:
    """The size of everything in all mailboxes."""

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0


class MemoryBox:
    """One mailbox: envelopes by number and in order, send ids, prekeys."""

    __slots__ = (
        "_total",
        "arrivals",
        "by_deposit",
        "envelopes",
        "order",
        "prekeys",
        "record",
        "send_ids",
        "takes",
        "takes_day",
    )

    def __init__(self, record: SaveMailbox, total: MemoryTotal) -> None:
        self._total = total
        self.record = replace(record, used=())
        self.envelopes: dict[int, Envelope] = {}
        self.order: list[int] = []
        self.by_deposit: dict[bytes, int] = {}
        self.send_ids: dict[SendId, StoredSendId] = {}
        self.prekeys: dict[PrekeyId, bytes] = {}
        self.arrivals: dict[SendId, dict[DepositId, Arrival]] = {}
        self.takes = self.takes_day = 0

    def insert(self, envelope: Envelope) -> None:
        """Put an envelope in its place."""
        self.envelopes[envelope.seq] = envelope
        self._total.size_bytes += len(envelope.sealed)
        insort(self.order, envelope.seq)
        self.by_deposit[envelope.send_id + envelope.deposit_id] = envelope.seq

    def remove(self, seq: int) -> Envelope | None:
        """Take an envelope out; return it, None if there is none."""
        envelope = self.envelopes.pop(seq, None)
        if envelope is not None:
            self._total.size_bytes -= len(envelope.sealed)
            self.order.remove(seq)
            del self.by_deposit[envelope.send_id + envelope.deposit_id]
        return envelope

    def drop(self, send_id: SendId, deposit_ids: Iterable[DepositId]) -> tuple[Removed, ...]:
        """Take deposits off a list; their envelopes go where they still wait."""
        gone = []
        for deposit_id in deposit_ids:
            self.arrivals.get(send_id, {}).pop(deposit_id, None)
            seq = self.by_deposit.get(send_id + deposit_id)
            envelope = None if seq is None else self.remove(seq)
            if envelope is not None:
                gone.append(envelope)
        return group(gone)

    def admit(self, send_id: SendId, change: ListChange) -> tuple[Removed, ...]:
        """List a deposit; return what it displaced."""
        evicted = self.drop(send_id, (gone.deposit_id for gone in change.displaced))
        if send_id in self.send_ids:
            listed = self.arrivals.setdefault(send_id, {})
            listed.pop(change.arrival.deposit_id, None)
            listed[change.arrival.deposit_id] = change.arrival
        return evicted

    def found(self) -> StoredMailbox:
        """Return everything but the envelopes."""
        return StoredMailbox(
            record=self.record,
            last_seq=self.order[-1] if self.order else -1,
            prekeys=len(self.prekeys),
            send_ids=tuple(self.send_ids.values()),
            waiting=group(self.envelopes.values()),
            arrivals=tuple(
                (send_id, tuple(listed.values()))
                for send_id, listed in self.arrivals.items()
                if listed
            ),
            takes=self.takes,
            takes_day=self.takes_day,
        )

    def is_due(self, operation: ListDue) -> bool:
        """Tell whether a sweep has something to do here."""
        if self.record.expires_hour <= operation.hour:
            return True
        if any(item.entry.valid_until < operation.day for item in self.send_ids.values()):
            return True
        unused = operation.unused
        return (
            unused is not None
            and len(self.send_ids) > unused.more_than
            and any(
                item.used_day <= unused.day
                for item in self.send_ids.values()
                if item.entry.kind is not SendIdKind.PUBLIC
            )
        )

    def save(self, operation: SaveMailbox) -> None:
        """Put a new record in the place of the last, and note when send ids were used."""
        self.record = replace(operation, used=())
        for send_id, day in operation.used:
            item = self.send_ids.get(send_id)
            if item is not None:
                self.send_ids[send_id] = item._replace(used_day=day)

    def evict_oldest(self, size_bytes: int) -> tuple[Removed, ...]:
        """Remove the oldest of contacts until as many bytes are free as the new envelope takes."""
        evicted: list[Envelope] = []
        freed = 0
        for seq in [seq for seq in self.order if self.envelopes[seq].work == CONTACT]:
            if freed >= size_bytes:
                break
            envelope = self.remove(seq)
            if envelope is not None:
                evicted.append(envelope)
                freed += len(envelope.sealed)
        return group(evicted)


def group(envelopes: Iterable[Envelope]) -> tuple[Removed, ...]:
    """Add up removed envelopes by send id."""
    return group_removed(
        (item.mailbox, item.send_id, item.work, len(item.sealed)) for item in envelopes
    )

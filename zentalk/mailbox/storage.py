"""What a mailbox store can do: operations, their outcomes, and the `MailboxStore` protocol.

Spec: docs/spec/mailbox.md section 7. Operations are data, so that a batch of them is
one transaction. A store executes and remembers; quotas, order and times are decided by
the core, which tells the store how much room there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Protocol, TypeAlias

from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.arrivals import Arrival, ListChange
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_send_ids import SendIdEntry


class Room(Enum):
    """How much room the core found for an envelope."""

    FREE = "free"
    REPLACE_ONLY = "replace-only"
    """A quota is used up: only a copy that is stored already may be replaced."""
    EVICT_OLDEST = "evict-oldest"
    """The mailbox is full: the oldest of contacts go until the new one fits."""


CONTACT: Final = -1
"""The work of an envelope under a contact's send id: none is asked for, and none counts."""
SINK: Final = -2
"""The work of an envelope under a sink: only that it came is stored, and nothing of it is read."""


class PutResult(Enum):
    """What became of an envelope."""

    INSERTED = "inserted"
    REPLACED = "replaced"
    REFUSED = "refused"
    """There is no copy to replace, and no room for a new one."""
    NO_SPACE = "no-space"
    """The store's own cap is reached."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed envelope as stored: no sender, times in whole hours since 1970.

    `attempts` counts pushes that no ack followed, `last_attempt_hour` the last of them;
    `work` is the proof of work in bits under a public send id, CONTACT under another, and
    `stamp` the proof itself.
    """

    mailbox: MailboxId = field(repr=False)
    seq: int
    send_id: SendId = field(repr=False)
    deposit_id: DepositId
    arrived_hour: int
    expires_hour: int
    attempts: int
    last_attempt_hour: int
    sealed: bytes = field(repr=False)
    work: int = CONTACT
    stamp: Stamp = NO_STAMP


@dataclass(frozen=True, slots=True)
class Removed:
    """Envelopes of one send id that are no longer stored, `apart` unless they are a contact's."""

    mailbox: MailboxId = field(repr=False)
    send_id: SendId = field(repr=False)
    apart: bool
    count: int
    size_bytes: int


def group_removed(items: Iterable[tuple[MailboxId, SendId, int, int]]) -> tuple[Removed, ...]:
    """Add up removed envelopes, each given as mailbox, send id, work and size in bytes."""
    totals: dict[tuple[MailboxId, SendId, bool], tuple[int, int]] = {}
    for mailbox, send_id, work, size_bytes in items:
        key = (mailbox, send_id, work != CONTACT)
        count, size = totals.get(key, (0, 0))
        totals[key] = (count + 1, size + size_bytes)
    return tuple(Removed(*key, *totals[key]) for key in sorted(totals))


@dataclass(frozen=True, slots=True)
class PutEnvelope:
    """Store an envelope, or replace the stored one with this send id and deposit id.

    A replaced one keeps its sequence number, arrival and expiry; under a sink it stays as it is.
    Under a public send id the deposit is listed with it, and those displaced leave list and store.
    Outcome: PutOutcome.
    """

    envelope: Envelope
    room: Room
    change: ListChange | None = None


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """`seq` is where the envelope lies, `grown_bytes` how much the send id's bytes grew."""

    result: PutResult
    seq: int
    grown_bytes: int
    evicted: tuple[Removed, ...]


@dataclass(frozen=True, slots=True)
class DropArrivals:
    """Take deposits off the list of a send id, and out of the store. Outcome: RemovedOutcome."""

    mailbox: MailboxId = field(repr=False)
    send_id: SendId = field(repr=False)
    deposit_ids: tuple[DepositId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteEnvelopes:
    """Delete by sequence number; missing ones are no error. Outcome: RemovedOutcome."""

    mailbox: MailboxId = field(repr=False)
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SweepEnvelopes:
    """Delete up to `limit` envelopes that expired by `now_hour`. Outcome: RemovedOutcome."""

    now_hour: int
    limit: int


@dataclass(frozen=True, slots=True)
class RemovedOutcome:
    """What was deleted, grouped by send id."""

    removed: tuple[Removed, ...]

    @property
    def count(self) -> int:
        """How many envelopes."""
        return sum(item.count for item in self.removed)


@dataclass(frozen=True, slots=True)
class ReadEnvelopes:
    """Read in order from after a sequence number, at least one if there is one.

    At most `limit` envelopes and, after the first, `max_bytes` bytes; those expired by
    `now_hour` are left out. Only those under public send ids, or only the others, or with None
    all. Outcome: ReadOutcome.
    """

    mailbox: MailboxId = field(repr=False)
    after_seq: int
    limit: int
    max_bytes: int
    now_hour: int
    public: bool | None = None


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """`more` is true when a bound, and not the end of the mailbox, ended the reading."""

    envelopes: tuple[Envelope, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class CountAttempts:
    """Count one more fruitless push of each sequence number. Outcome: Done."""

    mailbox: MailboxId = field(repr=False)
    seqs: tuple[int, ...]
    hour: int


@dataclass(frozen=True, slots=True)
class ShortenExpiry:
    """Let nothing expire later than `max_hours` after its arrival hour. Outcome: Done."""

    max_hours: int


@dataclass(frozen=True, slots=True)
class SaveMailbox:
    """Create or update a mailbox's own record. Outcome: Done.

    No sequence number at or above `reserved_seq` has ever been used. `opened_days` counts the
    days on which it was opened, as far as that matters, and `opened_day` is the last of them.
    """

    mailbox: MailboxId = field(repr=False)
    generation: int
    reserved_seq: int
    expires_hour: int
    last_resort_used: bool
    opened_days: int = 0
    opened_day: int = 0


@dataclass(frozen=True, slots=True)
class RemoveMailbox:
    """Delete a mailbox and everything in it. Outcome: Done."""

    mailbox: MailboxId = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeSendIds:
    """Register or update send ids of a mailbox, and remove others. Outcome: Done."""

    mailbox: MailboxId = field(repr=False)
    add: tuple[SendIdEntry, ...] = field(repr=False)
    remove: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClearSendIds:
    """Delete all that waits under send ids of a mailbox. Outcome: RemovedOutcome."""

    mailbox: MailboxId = field(repr=False)
    send_ids: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepTime:
    """Remember that it is at least this hour. Outcome: Done."""

    hour: int


class TurnsTaken(NamedTuple):
    """How many turns for new mailboxes were taken and not saved up again at an hour since 1970."""

    turns: int
    hour: int


NO_TURNS_TAKEN: Final = TurnsTaken(0, 0)


@dataclass(frozen=True, slots=True)
class KeepTurns:
    """Remember how many turns for new mailboxes are taken. Outcome: Done."""

    taken: TurnsTaken


@dataclass(frozen=True, slots=True)
class Done:
    """The operation has no other result."""


Operation: TypeAlias = (
    PutEnvelope
    | DropArrivals
    | DeleteEnvelopes
    | SweepEnvelopes
    | ReadEnvelopes
    | CountAttempts
    | ShortenExpiry
    | SaveMailbox
    | RemoveMailbox
    | ChangeSendIds
    | ClearSendIds
    | PutPrekeys
    | ListPrekeys
    | TakePrekey
    | KeepTime
    | KeepTurns
)
Outcome: TypeAlias = (
    PutOutcome | RemovedOutcome | ReadOutcome | PoolOutcome | PoolListOutcome | PrekeyOutcome | Done
)

DONE = Done()


@dataclass(frozen=True, slots=True)
class StoredMailbox:
    """A mailbox as loaded: its record, send ids, and what waits under each of them.

    `waiting` also names send ids that were removed while mail waited under them. `arrivals` are
    the lists of its public send ids, `takes` how many prekeys were taken on `takes_day`.
    """

    record: SaveMailbox
    last_seq: int
    prekeys: int
    send_ids: tuple[SendIdEntry, ...] = field(repr=False)
    waiting: tuple[Removed, ...]
    arrivals: tuple[tuple[SendId, tuple[Arrival, ...]], ...] = field(default=(), repr=False)
    takes_day: int = 0
    takes: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything the core must know at start; `hour` is the last time kept, or 0."""

    mailboxes: tuple[StoredMailbox, ...]
    hour: int
    turns: TurnsTaken = NO_TURNS_TAKEN


class MailboxStore(Protocol):
    """Keeps mailboxes; every method blocks and is called by one caller at a time."""

    @property
    def memory_bytes(self) -> int:
        """How much mail the store keeps in memory."""
        ...

    def load(self) -> Loaded:
        """Return what is stored, without the envelopes. Raises StorageError."""
        ...

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Execute all operations as one transaction and return their outcomes in order.

        When it returns, all of them are committed; when it raises StorageError
        (StorageFullError without room), none has changed anything.
        """
        ...

    def close(self) -> None:
        """Release the store."""
        ...

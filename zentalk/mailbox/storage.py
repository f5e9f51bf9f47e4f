"""The interface of a mailbox store: operations, their outcomes, and the `MailboxStore` protocol.

Spec: docs/spec/mailbox.md section 7. Operations are data, so that a batch of them is
one transaction. A store executes and remembers; quotas, order and times are decided by
the core, which tells the store how much room there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.arrivals import ListChange
from zentalk.mailbox.look_ups import DueOutcome, FindMailbox, FindOwner, FoundOutcome, ListDue
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.mailbox.stored import Envelope, Loaded, Removed, SaveMailbox, Totals, TurnsTaken
from zentalk.wire.rpc_send_ids import SendIdEntry


class Room(Enum):
    """The room that the core found for an envelope."""

    FREE = "free"
    REPLACE_ONLY = "replace-only"
    """A quota is used up: only a copy that is stored already may be replaced."""
    EVICT_OLDEST = "evict-oldest"
    """The mailbox is full: the oldest of contacts go until the new one fits."""


class PutResult(Enum):
    """The result of putting an envelope into the store."""

    INSERTED = "inserted"
    REPLACED = "replaced"
    REFUSED = "refused"
    """There is no copy to replace, and no room for a new one."""
    NO_SPACE = "no-space"
    """The store's own cap is reached."""


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
    """The deleted envelopes by send id; a sweep also names mailboxes in which nothing is left."""

    removed: tuple[Removed, ...]
    emptied: tuple[MailboxId, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        """The number of envelopes."""
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
class RemoveMailbox:
    """Delete a mailbox and everything in it. Outcome: Totals, of what is gone."""

    mailbox: MailboxId = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeSendIds:
    """Register or update send ids of a mailbox, and remove others. Outcome: SendIdsOutcome.

    New ones count as used on `day`.
    """

    mailbox: MailboxId = field(repr=False)
    add: tuple[SendIdEntry, ...] = field(repr=False)
    remove: tuple[SendId, ...] = field(repr=False)
    day: int = 0


@dataclass(frozen=True, slots=True)
class SendIdsOutcome:
    """If one that was to be added is another mailbox's, nothing was changed."""

    is_taken: bool


@dataclass(frozen=True, slots=True)
class ClearSendIds:
    """Delete all that waits under send ids of a mailbox. Outcome: RemovedOutcome."""

    mailbox: MailboxId = field(repr=False)
    send_ids: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepTime:
    """Remember that it is at least this hour. Outcome: Done."""

    hour: int


@dataclass(frozen=True, slots=True)
class KeepTurns:
    """Remember how many turns for new mailboxes are taken. Outcome: Done."""

    taken: TurnsTaken


@dataclass(frozen=True, slots=True)
class Done:
    """The operation has no other result."""


DONE: Final = Done()

Operation: TypeAlias = (
    PutEnvelope
    | DropArrivals
    | DeleteEnvelopes
    | SweepEnvelopes
    | ReadEnvelopes
    | CountAttempts
    | ShortenExpiry
    | FindMailbox
    | FindOwner
    | ListDue
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
    PutOutcome
    | RemovedOutcome
    | ReadOutcome
    | FoundOutcome
    | DueOutcome
    | Totals
    | SendIdsOutcome
    | PoolOutcome
    | PoolListOutcome
    | PrekeyOutcome
    | Done
)


def mailbox_of(operation: Operation) -> MailboxId | None:
    """Return the one mailbox that an operation concerns, None if it is about all or unknown."""
    if isinstance(operation, PutEnvelope):
        return operation.envelope.mailbox
    key: MailboxId | None = getattr(operation, "mailbox", None)
    return key


class MailboxStore(Protocol):
    """Keeps mailboxes; every method blocks and is called by one caller at a time."""

    @property
    def memory_bytes(self) -> int:
        """The bytes of mail that the store keeps in memory."""
        ...

    def load(self) -> Loaded:
        """Return how much is stored, and what is kept besides. Raises StorageError."""
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

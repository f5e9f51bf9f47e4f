"""What the delivery core is told, and what it asks for.

Every number names an outbox item; those of best-effort inners are below zero. Times are
monotonic seconds.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.routes import DepositTarget
from zentalk.store.history.models import OutboxItem

# Events.


class Resumed(NamedTuple):
    """An item was on its way when the node stopped; it lives for `left` more seconds."""

    item: OutboxItem
    left: float


class Added(NamedTuple):
    """The ciphertext of an item has just been committed; the item lives for `left` seconds."""

    item: OutboxItem
    left: float


class BestEffortAdded(NamedTuple):
    """An inner is to be sent that nobody will confirm, after a `delay`.

    `elsewhere` begins with another mailbox than the preferred one; `confirmation` is the number
    under which it is kept, if it is one.
    """

    item: OutboxItem
    left: float
    delay: float
    elsewhere: bool
    confirmation: int | None = None


class ItemDue(NamedTuple):
    """Time has passed: the item that has been due for the longest time has its turn."""


class ItemRead(NamedTuple):
    """An item was read from the database, None if it is gone; `ciphertext` is as asked for."""

    number: int
    ciphertext: int
    item: OutboxItem | None


class StorageFailed(NamedTuple):
    """An item could not be read or given up: the disk is full or failing."""

    number: int
    ciphertext: int


class GivenUp(NamedTuple):
    """An item was given up: in the database, or a best-effort inner by who sent it."""

    number: int


class Deposited(NamedTuple):
    """A copy is on its way to a relay over `hops`.

    `token` is that of its compact ack, None if it asks for none. `costly`: work was done for it.
    `doubtful`: a relay on its way looks dead.
    """

    number: int
    relay: NodeId
    hops: tuple[NodeId, ...]
    token: bytes | None
    costly: bool = False
    doubtful: bool = False


class DepositFailed(NamedTuple):
    """Nothing could be sent to a relay now."""

    number: int
    relay: NodeId


class PutOff(NamedTuple):
    """A mailbox takes nothing of us before `until`: it wants work first, or `is_full`."""

    number: int
    relay: NodeId
    until: float
    is_full: bool


class MailboxAnswered(NamedTuple):
    """A mailbox asks something else of deposits now than it did before."""

    relay: NodeId
    send_id: SendId


class WorkDone(NamedTuple):
    """The work that a relay wants for an item is done."""

    number: int
    relay: NodeId


class TokenReturned(NamedTuple):
    """A compact ack came back: a relay holds the item, or its owner has it."""

    token: bytes


class Confirmed(NamedTuple):
    """Recipients have confirmed these items."""

    numbers: tuple[int, ...]


class Rerouted(NamedTuple):
    """The mailboxes of a contact have changed."""

    contact: UserAddress


class Restarted(NamedTuple):
    """Relays have new keys: what was on its way through them is lost."""

    relays: frozenset[NodeId]


Event: TypeAlias = (
    Resumed
    | Added
    | BestEffortAdded
    | ItemDue
    | ItemRead
    | StorageFailed
    | GivenUp
    | Deposited
    | DepositFailed
    | PutOff
    | MailboxAnswered
    | WorkDone
    | TokenReturned
    | Confirmed
    | Rerouted
    | Restarted
)

# Commands.


class DepositCopy(NamedTuple):
    """Send a copy to a mailbox; answered by Deposited, DepositFailed or PutOff.

    The copy is worth keeping until `expires`. One that `is_last` is not heard of again: it asks
    for no ack, and whatever becomes of it changes nothing.
    """

    item: OutboxItem
    target: DepositTarget
    expires: float
    is_last: bool = False


class ReadItem(NamedTuple):
    """Read an item with its ciphertext; answered by ItemRead or StorageFailed."""

    number: int
    ciphertext: int


class GiveUp(NamedTuple):
    """Give an item up in the database; answered by GivenUp or StorageFailed."""

    item: OutboxItem
    ciphertext: int


class WantMailboxes(NamedTuple):
    """Nobody knows where a contact collects: find out."""

    contact: UserAddress


class NoteHeld(NamedTuple):
    """Write down that a relay holds an item to a contact."""

    number: int
    relay: NodeId
    contact: UserAddress


class NoteTaken(NamedTuple):
    """Note that a mailbox relay has taken a confirmation that is kept under a number."""

    confirmation: int


class NoteReason(NamedTuple):
    """Write down why an item has come no further; `NONE` if there is nothing to tell any more."""

    number: int
    reason: Reason


class DropWork(NamedTuple):
    """Forget the work that was done for an item: it has another ciphertext now."""

    number: int


class AskMailbox(NamedTuple):
    """Acks of a relay stay away: refresh what is known of relays, and ask the mailbox, if any."""

    target: DepositTarget | None


class ReportSilence(NamedTuple):
    """No mailbox of a contact acknowledges anything for a while."""

    contact: UserAddress


class ReportLost(NamedTuple):
    """Nothing was heard of a packet that went over `hops`, nor the ack with `token`."""

    hops: tuple[NodeId, ...]
    token: bytes | None


class ReportArrived(NamedTuple):
    """A packet that went over `hops` has arrived; with `token`, so has its ack."""

    hops: tuple[NodeId, ...]
    token: bytes | None


Command: TypeAlias = (
    DepositCopy
    | ReadItem
    | GiveUp
    | WantMailboxes
    | NoteHeld
    | NoteTaken
    | NoteReason
    | DropWork
    | AskMailbox
    | ReportSilence
    | ReportLost
    | ReportArrived
)

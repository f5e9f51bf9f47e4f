"""The contents of a mailbox store: envelopes, and what is known of each mailbox.

Spec: docs/spec/mailbox.md section 7. Data only; what is done with it is in `storage`, and how it
is found in `look_ups`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.arrivals import Arrival
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_send_ids import SendIdEntry

CONTACT: Final = -1
"""The work of an envelope under a contact's send id: none is asked for, and none counts."""
SINK: Final = -2
"""The work of an envelope under a sink: only that it came is stored, and nothing of it is read."""


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
class SaveMailbox:
    """Create or update a mailbox's own record. Outcome: Done.

    No sequence number at or above `reserved_seq` has ever been pushed. `opened_days` counts the
    days on which it was opened, as far as that matters, and `opened_day` is the last of them.
    `used` are send ids with the day on which something last came under each, where that changed.
    """

    mailbox: MailboxId = field(repr=False)
    generation: int
    reserved_seq: int
    expires_hour: int
    last_resort_used: bool
    opened_days: int = 0
    opened_day: int = 0
    used: tuple[tuple[SendId, int], ...] = field(default=(), repr=False)


class TurnsTaken(NamedTuple):
    """The turns for new mailboxes that were taken and not saved up again, at an hour since 1970."""

    turns: int
    hour: int


NO_TURNS_TAKEN: Final = TurnsTaken(0, 0)


class StoredSendId(NamedTuple):
    """A send id, and the day on which something last came under it or it was registered."""

    entry: SendIdEntry
    used_day: int


@dataclass(frozen=True, slots=True)
class StoredMailbox:
    """A mailbox as looked up: its record, send ids, and what waits under each of them.

    `waiting` also names send ids that were removed while mail waited under them. `arrivals` are
    the lists of its public send ids, `takes` how many prekeys were taken on `takes_day`.
    """

    record: SaveMailbox
    last_seq: int
    prekeys: int
    send_ids: tuple[StoredSendId, ...] = field(repr=False)
    waiting: tuple[Removed, ...]
    arrivals: tuple[tuple[SendId, tuple[Arrival, ...]], ...] = field(default=(), repr=False)
    takes_day: int = 0
    takes: int = 0


class Totals(NamedTuple):
    """Totals of a store; `recipients` are the mailboxes in which something waits."""

    mailboxes: int = 0
    send_ids: int = 0
    envelopes: int = 0
    recipients: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """The state with which the core starts: no mailbox, only how much there is.

    `hour` is the last time kept, or 0.
    """

    totals: Totals
    hour: int
    turns: TurnsTaken = NO_TURNS_TAKEN

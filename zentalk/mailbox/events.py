"""The events of the mailbox core: one frozen record each, named in the past tense.

A *ticket* names a request that waits for a response; a *collector* names one connection.
Both are numbers that the shell draws and never uses twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NewType, TypeAlias

from zentalk.ids import MailboxId, PrekeyId, SendId
from zentalk.mailbox.storage import Outcome
from zentalk.wire.deposit import NO_STAMP, Deposit, Stamp
from zentalk.wire.rpc_prekeys import PoolPrekey
from zentalk.wire.rpc_send_ids import SendIdEntry

Ticket = NewType("Ticket", int)
Collector = NewType("Collector", int)


class Admittance(Enum):
    """The terms on which a relay gives somebody a new mailbox."""

    STRANGER = "stranger"
    """Waits for a turn, and works for it when many ask."""
    HOLDER = "holder"
    """Has an access token: waits for nobody and does no work."""
    UNINVITED = "uninvited"
    """Has none where one is needed."""


@dataclass(frozen=True, slots=True)
class DepositArrived:
    """A deposit came out of an onion packet."""

    deposit: Deposit


@dataclass(frozen=True, slots=True)
class TokenArrived:
    """An ack token came out of an onion packet."""

    send_id: SendId = field(repr=False)
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenRequested:
    """A connection asks to collect a mailbox; its proof has been verified.

    `stamp` is the work that was done for making it, if it has to be made; then `admittance` says
    whether that was needed.
    """

    ticket: Ticket
    collector: Collector
    mailbox: MailboxId = field(repr=False)
    generation: int
    window: int
    stamp: Stamp = NO_STAMP
    admittance: Admittance = Admittance.STRANGER


@dataclass(frozen=True, slots=True)
class PriceRequested:
    """Anyone asks how much work a new mailbox takes now."""

    ticket: Ticket
    admittance: Admittance = Admittance.STRANGER


@dataclass(frozen=True, slots=True)
class CollectorLost:
    """A connection ended."""

    collector: Collector


@dataclass(frozen=True, slots=True)
class AckReceived:
    """A collector has saved what was pushed to it."""

    collector: Collector
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DeferReceived:
    """A collector has no room for what was pushed to it."""

    collector: Collector
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendIdsRequested:
    """A collector changes the send ids of its mailbox."""

    ticket: Ticket
    collector: Collector
    add: tuple[SendIdEntry, ...] = field(repr=False)
    remove: tuple[SendId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysPutRequested:
    """A collector refills its pool of one-time prekeys, and drops some first."""

    ticket: Ticket
    collector: Collector
    add: tuple[PoolPrekey, ...] = field(repr=False)
    remove: tuple[PrekeyId, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysCountRequested:
    """A collector asks how its pool stands, and perhaps for the ids of all keys in it."""

    ticket: Ticket
    collector: Collector
    with_ids: bool = False


@dataclass(frozen=True, slots=True)
class PrekeyRequested:
    """Anyone asks for a one-time prekey of the owner of a public send id, perhaps with work."""

    ticket: Ticket
    send_id: SendId = field(repr=False)
    query_id: bytes = field(repr=False)
    stamp: Stamp = NO_STAMP


@dataclass(frozen=True, slots=True)
class StateRequested:
    """Anyone asks whether a send id takes deposits."""

    ticket: Ticket
    send_id: SendId = field(repr=False)


@dataclass(frozen=True, slots=True)
class Applied:
    """The operation with this number is committed."""

    number: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ApplyFailed:
    """The operation with this number changed nothing."""

    number: int


@dataclass(frozen=True, slots=True)
class WallClockRead:
    """The computer's clock shows this unix time, in seconds."""

    wall: float


@dataclass(frozen=True, slots=True)
class SweepRequested:
    """The operator wants expired mail removed now."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """A deadline may have come."""


Event: TypeAlias = (
    DepositArrived
    | TokenArrived
    | OpenRequested
    | PriceRequested
    | CollectorLost
    | AckReceived
    | DeferReceived
    | SendIdsRequested
    | PrekeysPutRequested
    | PrekeysCountRequested
    | PrekeyRequested
    | StateRequested
    | Applied
    | ApplyFailed
    | WallClockRead
    | SweepRequested
    | DeadlineReached
)

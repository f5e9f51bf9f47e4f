"""The commands of the mailbox core to its shell: one frozen record each.

The shell executes them in order. Operations must reach the store in the order of their
numbers, and their results must come back in that order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from zentalk.ids import DepositId, SendId
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.storage import Operation
from zentalk.wire.deposit import AckRoute, Stamp
from zentalk.wire.rpc_prekeys import PrekeysCountResponse, PrekeysTakeResponse
from zentalk.wire.rpc_send_ids import StateResponse

Result: TypeAlias = int | PrekeysTakeResponse | PrekeysCountResponse | StateResponse | None


@dataclass(frozen=True, slots=True)
class Apply:
    """Hand an operation to the store and report `Applied` or `ApplyFailed`."""

    number: int
    operation: Operation


@dataclass(frozen=True, slots=True)
class Push:
    """Send an envelope to a collector."""

    collector: Collector
    seq: int
    send_id: SendId = field(repr=False)
    sealed: bytes = field(repr=False)
    arrived_hour: int
    deposit_id: DepositId = field(repr=False)
    stamp: Stamp = field(repr=False)


@dataclass(frozen=True, slots=True)
class PushToken:
    """Send an ack token to a collector."""

    collector: Collector
    send_id: SendId = field(repr=False)
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CloseCollector:
    """Close a connection that a newer registration has replaced."""

    collector: Collector


@dataclass(frozen=True, slots=True)
class SendAck:
    """Let a compact ack leave now."""

    route: AckRoute


@dataclass(frozen=True, slots=True)
class Respond:
    """Respond to a request; `result` is what its method says: a number, a blob, or nothing."""

    ticket: Ticket
    result: Result = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse a request with a short word."""

    ticket: Ticket
    reason: str


Command: TypeAlias = Apply | Push | PushToken | CloseCollector | SendAck | Respond | Refuse

"""The mailbox core: one event in, commands out.

Spec: docs/spec/mailbox.md. It joins the parts of this package and adds no rule of its
own. It never reads a clock and never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId
from zentalk.mailbox import events
from zentalk.mailbox.commands import Command, SendAck
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.deposits import Deposits
from zentalk.mailbox.newcomers import Newcomers
from zentalk.mailbox.owners import Owners
from zentalk.mailbox.part import Context
from zentalk.mailbox.postage import Postage
from zentalk.mailbox.questions import Questions
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.stored import Loaded
from zentalk.mailbox.sweeping import Sweeping
from zentalk.mailbox.waking import Waking
from zentalk.mailbox.writing import Writing


@dataclass(frozen=True, slots=True)
class MailboxStats:
    """Counts for the operator; `deliverable` envelopes wait for `unique_recipients`.

    `counters` has what happened since the start by name. A deposit is counted once, when it is
    known what became of it: as `deposited` (stored, or acknowledged by its owner), as one of the
    `repeats`, or as `refused_` and a reason. `total` is the number of those deposited.
    """

    total: int
    deliverable: int
    expired: int
    acknowledged: int
    online: int
    unique_recipients: int
    counters: dict[str, int]

    def coarse(self) -> MailboxStats:
        """The same with one significant digit and no details: fit to be public."""
        return MailboxStats(
            total=_coarse(self.total),
            deliverable=_coarse(self.deliverable),
            expired=_coarse(self.expired),
            acknowledged=_coarse(self.acknowledged),
            online=_coarse(self.online),
            unique_recipients=_coarse(self.unique_recipients),
            counters={},
        )


class MailboxCore:
    """All mailboxes of one relay.

    `loaded` is what the store told at start and `relay` this one's id; `wall` (unix seconds)
    and `now` (monotonic seconds) are read at that moment. The first deadline is due at once:
    the first sweep.
    """

    def __init__(
        self,
        settings: MailboxSettings,
        loaded: Loaded,
        *,
        relay: NodeId,
        wall: float,
        now: float,
        entropy: Entropy,
    ) -> None:
        context = Context.of_start(settings, loaded, wall, now)
        self._clock, self._effects = context.clock, context.effects
        self._registry = context.registry
        self._waking = waking = Waking(context)
        self._writing = Writing(context)
        self._delivery = Delivery(context, self._writing)
        self._sweeping = Sweeping(context, waking, now)
        self._postage = Postage(context, self._writing, relay)
        self._questions = questions = Questions(context, waking, self._postage, relay)
        deposits = Deposits(context, waking, self._postage, self._writing, self._delivery, entropy)
        self._acks = deposits.acks
        self._newcomers = Newcomers(context, relay, loaded.turns, now)
        self._owners = owners = Owners(context, waking, self._delivery, self._newcomers)
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            events.DepositArrived: deposits.arrived,
            events.TokenArrived: deposits.token_arrived,
            events.OpenRequested: owners.open_requested,
            events.PriceRequested: self._newcomers.price_requested,
            events.CollectorLost: owners.lost,
            events.SendIdsRequested: owners.send_ids.requested,
            events.PrekeysPutRequested: questions.prekeys.put_requested,
            events.PrekeysCountRequested: questions.prekeys.count_requested,
            events.PrekeyRequested: questions.prekeys.requested,
            events.AckReceived: self._ack_received,
            events.DeferReceived: self._defer_received,
            events.StateRequested: questions.state_requested,
            events.Applied: self._applied,
            events.ApplyFailed: self._apply_failed,
            events.WallClockRead: self._wall_clock_read,
            events.SweepRequested: self._sweep_requested,
            events.DeadlineReached: self._time_passed,
        }

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """Take an event at monotonic `now` (seconds); return what is to be done, in order.

        Raises LocalProtocolError when the shell reports an operation twice.
        """
        self._handlers[type(event)](event, now)
        self._waking.resting.trim(now)
        return self._effects.take()

    def next_deadline(self) -> float:
        """Return when `TimePassed` is to be handled next, whatever else happens."""
        deadline = self._sweeping.next_deadline()
        for other in (
            self._delivery.next_deadline(),
            self._acks.next_deadline(),
            self._questions.next_deadline(),
            self._newcomers.next_deadline(),
        ):
            if other is not None and other < deadline:
                deadline = other
        return deadline

    @property
    def operations_under_way(self) -> int:
        """The number of operations that the store has not reported yet."""
        return self._effects.operations_under_way

    @property
    def memory_bytes(self) -> int:
        """The bytes of mail in memory: not written yet, or pushed and not acked."""
        return self._writing.held_bytes + self._delivery.memory_bytes

    def stats(self) -> MailboxStats:
        """Return the counts at this moment."""
        registry = self._registry
        counters = registry.counters
        return MailboxStats(
            total=counters["deposited"],
            deliverable=registry.stored,
            expired=counters["expired"],
            acknowledged=counters["acknowledged"],
            online=len(registry.sessions),
            unique_recipients=registry.recipients,
            counters=dict(counters),
        )

    def _ack_received(self, event: events.AckReceived, now: float) -> None:
        session = self._registry.sessions.get(event.collector)
        if session is not None:
            self._delivery.acked(session, event.seqs, now)

    def _defer_received(self, event: events.DeferReceived, now: float) -> None:
        session = self._registry.sessions.get(event.collector)
        if session is not None:
            self._delivery.deferred(session, event.seqs, now)

    def _applied(self, event: events.Applied, now: float) -> None:
        self._effects.finished(event.number, event.outcome, now)

    def _apply_failed(self, event: events.ApplyFailed, now: float) -> None:
        self._effects.finished(event.number, None, now)

    def _wall_clock_read(self, event: events.WallClockRead, now: float) -> None:
        self._clock.read(event.wall, now)

    def _sweep_requested(self, _event: events.SweepRequested, now: float) -> None:
        self._sweeping.sweep(now)

    def _time_passed(self, _event: events.DeadlineReached, now: float) -> None:
        self._delivery.passed(now)
        for route in self._acks.due(now):
            self._registry.counters["acks_sent"] += 1
            self._effects.emit(SendAck(route))
        self._questions.passed(now)
        self._owners.passed(now)
        self._sweeping.passed(now)


def _coarse(count: int) -> int:
    """Round down to one significant digit, and to 0 what is below ten."""
    unit = 10
    while count >= unit * 10:
        unit *= 10
    return count - count % unit

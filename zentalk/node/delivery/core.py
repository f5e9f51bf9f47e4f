"""Which item goes where and when: the rules of delivery, without clock, entropy or network.

It is the sender's twin of `zentalk.mailbox`: events in, commands out, and a time when it wants to
look again. It never encrypts, for a retry that advanced a ratchet would break it, and it forgets
an item only once the recipient has confirmed it or its time is over.
Spec: docs/spec/mailbox.md, "Sending".
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from zentalk.ids import NodeId, UserAddress
from zentalk.node.delivery import events as e
from zentalk.node.delivery.in_flight import (
    AwaitedAck,
    Deadlines,
    InFlight,
    Window,
    reason_to_wait,
)
from zentalk.node.delivery.retry_schedule import SHAPED_SILENT_SECONDS, SILENT_SECONDS, Schedule
from zentalk.node.messages.routes import DepositTarget

MAX_BEST_EFFORT: Final = 4_096
"""Inners kept in memory until a relay has acknowledged them; more are sent once."""
MAX_TOKENS: Final = 16_384
"""Above this many acks that are waited for the oldest is forgotten: its item is sent again."""
MAX_ENVELOPES_IN_MEMORY: Final = 1_024
"""Items whose ciphertext stays in memory; those of others are read again when due."""
NO_MAILBOXES_SECONDS: Final = 1.0
"""How soon what has no known mailbox is tried again."""
NO_ROOM_SECONDS: Final = 0.1
"""The pause of an item that found the links to all guards full."""
SHAPED_NO_ROOM_SECONDS: Final = 1.0
"""The pause of an item for which all ticks are taken."""
STORAGE_RETRY_SECONDS: Final = 5.0
_ROUND_TRIP_WEIGHT: Final = 1 / 8


class DeliveryCore:
    """Everything on its way from one node.

    `targets` holds where each contact collects, as far as is known at this moment. `has_room` tells
    whether an inner would leave soon for a relay. With `is_shaped` everything leaves at ticks.
    """

    def __init__(
        self,
        round_trip_seconds: float,
        targets: Mapping[UserAddress, tuple[DepositTarget, ...]],
        has_room: Callable[[bytes, NodeId], bool] = lambda _inner, _relay: True,
        *,
        is_shaped: bool = False,
    ) -> None:
        self._round_trip = round_trip_seconds
        self._targets = targets
        self._has_room = has_room
        self._no_room_seconds = SHAPED_NO_ROOM_SECONDS if is_shaped else NO_ROOM_SECONDS
        self._silent_seconds = SHAPED_SILENT_SECONDS if is_shaped else SILENT_SECONDS
        self._items: dict[int, InFlight] = {}
        self._deadlines = Deadlines()
        self._window = Window()
        self._tokens: OrderedDict[bytes, AwaitedAck] = OrderedDict()
        self._preferred: dict[UserAddress, NodeId] = {}
        self._late_at: dict[UserAddress, float] = {}
        self._best_effort = 0
        self._ciphertexts = 0
        self._handlers: Final[dict[type[e.Event], Callable[[Any, float], list[e.Command]]]] = {
            e.Resumed: self._resumed,
            e.Added: self._added,
            e.BestEffortAdded: self._best_effort_added,
            e.ItemDue: self._time_passed,
            e.ItemRead: self._item_read,
            e.StorageFailed: self._storage_failed,
            e.GivenUp: self._given_up,
            e.Deposited: self._deposited,
            e.DepositFailed: self._deposit_failed,
            e.PutOff: self._put_off,
            e.MailboxAnswered: self._mailbox_answered,
            e.WorkDone: self._work_done,
            e.TokenReturned: self._token_returned,
            e.Confirmed: self._confirmed,
            e.Rerouted: self._rerouted,
            e.Restarted: self._restarted,
        }

    def __len__(self) -> int:
        """Return how many items are on their way, best-effort inners among them."""
        return len(self._items)

    def handle(self, event: e.Event, now: float) -> list[e.Command]:
        """Take an event in; return what is to be done, in this order."""
        return self._handlers[type(event)](event, now)

    def next_deadline(self) -> float:
        """Return when ItemDue is wanted next, or infinity if nothing waits for a time."""
        return self._deadlines.next_at()

    # What comes in.

    def _resumed(self, event: e.Resumed, now: float) -> list[e.Command]:
        self._enter(InFlight(replace(event.item, envelope=None), now + event.left))
        self._deadlines.plan(event.item.item, now)
        return []

    def _added(self, event: e.Added, now: float) -> list[e.Command]:
        # Neither an ack of an earlier ciphertext nor work done for it counts for this one.
        self._ciphertexts += 1
        number = event.item.item
        earlier: list[e.Command] = [e.DropWork(number)] if number in self._items else []
        entry = self._enter(InFlight(event.item, now + event.left, self._ciphertexts))
        return earlier + self._attempt(entry, now)

    def _best_effort_added(self, event: e.BestEffortAdded, now: float) -> list[e.Command]:
        item = event.item
        if self._best_effort >= MAX_BEST_EFFORT:
            first = self._ordered(item.contact)[:1]
            return [e.DepositCopy(item, target, now, is_last=True) for target in first]
        self._best_effort += 1
        entry = InFlight(item, now + event.left, is_best_effort=True, elsewhere=event.elsewhere)
        self._enter(entry).confirmation = event.confirmation
        if not event.delay:
            return self._attempt(entry, now)
        self._deadlines.plan(item.item, now + event.delay)
        return []

    def _rerouted(self, event: e.Rerouted, now: float) -> list[e.Command]:
        for number, entry in self._items.items():
            if entry.item.contact == event.contact:
                entry.schedule = None
                self._deadlines.plan(number, now)
        return []

    # Time, and what only the database knows.

    def _time_passed(self, _event: e.ItemDue, now: float) -> list[e.Command]:
        number = self._deadlines.take_due(now)
        entry = None if number is None else self._items.get(number)
        if entry is None:
            return []
        if now >= entry.expires:
            if not entry.is_best_effort:
                return [e.GiveUp(entry.item, entry.ciphertext)]
            self._forget(entry.item.item, now)
            return []
        if entry.schedule is not None and entry.schedule.next_deadline() > now:
            # Its relay acknowledged it, or another relay's turn came first.
            told = entry.unconfirmed(now)
            self._deadlines.plan(entry.item.item, entry.next_at(entry.schedule))
            return [e.NoteReason(entry.item.item, reason) for reason in told]
        if entry.item.envelope is None:
            return [e.ReadItem(entry.item.item, entry.ciphertext)]
        return self._attempt_due(entry, now)

    def _item_read(self, event: e.ItemRead, now: float) -> list[e.Command]:
        entry = self._items.get(event.number)
        if entry is None or entry.ciphertext != event.ciphertext:
            return []  # confirmed, or encrypted anew, while it was being read
        if event.item is None or event.item.envelope is None:
            self._forget(event.number, now)
            if event.item is None:
                return []
            return [e.DropWork(event.number)]  # it waits for its turn again
        entry.item = event.item
        return self._attempt_due(entry, now)

    def _storage_failed(self, event: e.StorageFailed, now: float) -> list[e.Command]:
        entry = self._items.get(event.number)
        if entry is not None and entry.ciphertext == event.ciphertext:
            self._deadlines.plan(event.number, now + STORAGE_RETRY_SECONDS)
        return []

    def _given_up(self, event: e.GivenUp, now: float) -> list[e.Command]:
        self._forget(event.number, now)
        return []

    # Attempts, and what becomes of them.

    def _attempt_due(self, entry: InFlight, now: float) -> list[e.Command]:
        commands = self._attempt(entry, now)
        if len(self._items) > MAX_ENVELOPES_IN_MEMORY and not entry.is_best_effort:
            entry.item = replace(entry.item, envelope=None)
        return commands

    def _attempt(self, entry: InFlight, now: float) -> list[e.Command]:
        """Deposit an item wherever it is due, and plan the next time."""
        item = entry.item
        targets = self._ordered(item.contact)
        if not targets or item.envelope is None:
            self._deadlines.plan(item.item, now + NO_MAILBOXES_SECONDS)
            return [e.WantMailboxes(item.contact)]
        by_relay = {target.relay: target for target in targets}
        if not all(self._has_room(item.envelope, relay) for relay in entry.wanted(by_relay, now)):
            self._deadlines.plan(item.item, now + self._no_room_seconds)
            return []
        if not entry.is_best_effort and not self._window.admits(
            item.contact, item.item, opens=entry.opens
        ):
            entry.item = replace(item, envelope=None)
            self._deadlines.plan(item.item, entry.expires)
            return []
        schedule = entry.schedule or entry.begin(by_relay, now, self._round_trip)
        commands: list[e.Command] = []
        for relay in schedule.due(now):
            target = by_relay.get(relay)
            if entry.hops or schedule.started_at < now:
                commands += self._silence(entry, schedule, relay, target, now)
            if target is None:
                schedule.failed(relay, now)
            else:
                entry.unanswered += 1
                commands.append(e.DepositCopy(item, target, entry.expires))
        if not entry.unanswered:
            self._deadlines.plan(item.item, entry.next_at(schedule))
        return commands

    def _silence(
        self,
        entry: InFlight,
        schedule: Schedule,
        relay: NodeId,
        target: DepositTarget | None,
        now: float,
    ) -> list[e.Command]:
        """A retry is due, so the last packet may be lost: paths should avoid its relays."""
        commands: list[e.Command] = []
        if entry.hops and entry.hops[-1] == relay:
            commands.append(e.ReportLost(entry.hops, entry.token))
        if schedule.ack_overdue(relay, now):
            commands.append(e.AskMailbox(target))
            if schedule.is_silent(now, self._silent_seconds):
                commands.append(e.ReportSilence(entry.item.contact))
        return commands

    def _deposited(self, event: e.Deposited, now: float) -> list[e.Command]:
        entry = self._items.get(event.number)
        if entry is None or entry.schedule is None:
            return []
        entry.hops, entry.token = event.hops, event.token
        if entry.full_at:
            entry.full_at -= {event.relay}
        if event.token is not None:
            ack = AwaitedAck(event.number, entry.ciphertext, event.relay, event.hops)
            self._tokens[event.token] = ack
            if len(self._tokens) > MAX_TOKENS:
                self._tokens.popitem(last=False)
        entry.schedule.sent(event.relay, now, costly=event.costly, doubtful=event.doubtful)
        entry.failed_at -= {event.relay}
        return self._answered(entry, entry.schedule, now)

    def _deposit_failed(self, event: e.DepositFailed, now: float) -> list[e.Command]:
        entry = self._items.get(event.number)
        if entry is None or entry.schedule is None:
            return []
        entry.failed_at |= {event.relay}
        entry.schedule.failed(event.relay, now)
        return self._answered(entry, entry.schedule, now)

    def _put_off(self, event: e.PutOff, now: float) -> list[e.Command]:
        entry = self._items.get(event.number)
        if entry is None or entry.schedule is None:
            return []
        entry.hops = ()
        here = frozenset({event.relay})
        entry.full_at = entry.full_at | here if event.is_full else entry.full_at - here
        entry.failed_at -= here
        entry.schedule.put_off(event.relay, event.until, now)
        return self._answered(entry, entry.schedule, now)

    def _answered(self, entry: InFlight, schedule: Schedule, now: float) -> list[e.Command]:
        """Plan the next time, once it is known what became of every copy."""
        entry.unanswered -= 1
        if entry.unanswered:
            return []
        self._deadlines.plan(entry.item.item, entry.next_at(schedule))
        if entry.is_best_effort:
            return []
        relays = {target.relay for target in self._targets.get(entry.item.contact, ())}
        reason = reason_to_wait(entry, schedule, relays, now, self._silent_seconds)
        if reason is entry.reason:
            return []
        entry.reason = reason
        return [e.NoteReason(entry.item.item, reason)]

    # What is heard from outside.

    def _token_returned(self, event: e.TokenReturned, now: float) -> list[e.Command]:
        ack = self._tokens.pop(event.token, None)
        if ack is None:
            return []
        arrived = e.ReportArrived(ack.hops, event.token)
        entry = self._items.get(ack.item)
        if entry is None or entry.ciphertext != ack.ciphertext:
            return [arrived]
        if entry.is_best_effort:
            self._forget(ack.item, now)
            if entry.confirmation is None:
                return [arrived]
            return [arrived, e.NoteTaken(entry.confirmation)]
        if entry.schedule is not None:
            entry.schedule.held(ack.relay, now)
            entry.held(now)
        return [arrived, e.NoteHeld(ack.item, ack.relay, entry.item.contact)]

    def _confirmed(self, event: e.Confirmed, now: float) -> list[e.Command]:
        commands: list[e.Command] = []
        for number in sorted(event.numbers):
            entry = self._forget(number, now)
            if entry is not None and entry.schedule is not None:
                commands += self._learn(entry, entry.schedule, now)
        return commands

    def _learn(self, entry: InFlight, schedule: Schedule, now: float) -> list[e.Command]:
        """Learn from a confirmation how fast the ways and mailboxes of a contact are.

        What began before something late was confirmed teaches nothing of that: its reader may
        have held it until the late one came. As a round trip it would make retries wait longer,
        which makes readers hold longer, and so on.
        """
        contact = entry.item.contact
        may_have_waited = schedule.started_at < self._late_at.get(contact, -math.inf)
        if schedule.needed_second(now):
            self._late_at[contact] = now
            if not may_have_waited:
                self._prefer_another(entry)
            return []
        if not may_have_waited and entry.hops:
            took = now - schedule.started_at
            self._round_trip += (took - self._round_trip) * _ROUND_TRIP_WEIGHT
        # Without the token: a confirmation says nothing of the ack's own path.
        return [e.ReportArrived(entry.hops, None)] if entry.hops else []

    def _restarted(self, event: e.Restarted, now: float) -> list[e.Command]:
        for number, entry in self._items.items():
            if entry.schedule is None or event.relays.isdisjoint(entry.hops):
                continue
            if entry.schedule.lost(entry.hops[-1], now):
                entry.hops = ()  # that packet's fate is known, and holds nothing against anybody
                self._deadlines.plan(number, now)
        return []

    def _mailbox_answered(self, event: e.MailboxAnswered, now: float) -> list[e.Command]:
        """Look at what waits for a mailbox that asks something else now."""
        for number, entry in self._items.items():
            targets = self._targets.get(entry.item.contact, ())
            if any((target.relay, target.send_id) == event for target in targets):
                self._look_again(number, event.relay, now)
        return []

    def _work_done(self, event: e.WorkDone, now: float) -> list[e.Command]:
        self._look_again(event.number, event.relay, now)
        return []

    def _look_again(self, number: int, relay: NodeId, now: float) -> None:
        entry = self._items.get(number)
        if entry is not None and entry.schedule is not None:
            entry.schedule.ready(relay, now)
            self._deadlines.plan(number, now)

    # Bookkeeping.

    def _enter(self, entry: InFlight) -> InFlight:
        self._items[entry.item.item] = entry
        entry.opens = entry.item.opens
        return entry

    def _forget(self, number: int, now: float) -> InFlight | None:
        """Drop an item that is done, and let the next one of its contact go."""
        entry = self._items.pop(number, None)
        self._deadlines.drop(number)
        if entry is not None:
            self._best_effort -= entry.is_best_effort
            following = self._window.left(entry.item.contact, number)
            if following in self._items:
                self._deadlines.plan(following, now)
        return entry

    def _ordered(self, contact: UserAddress) -> tuple[DepositTarget, ...]:
        """Return a contact's mailboxes, the one that answered best first."""
        first, targets = self._preferred.get(contact), self._targets.get(contact, ())
        return tuple(sorted(targets, key=lambda item: item.relay != first))

    def _prefer_another(self, entry: InFlight) -> None:
        """The preferred mailbox was slow or dead: begin with the other one next time."""
        targets = self._ordered(entry.item.contact)
        if len(targets) > 1:
            self._preferred[entry.item.contact] = targets[1].relay

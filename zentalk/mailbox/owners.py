"""What only an owner may do: become the collector, change send ids, lose a connection.

Spec: docs/spec/mailbox.md section 3. The shell has verified the collect proof before
any event of here exists. A connection collects one mailbox, so that no connection
links two of them.
"""

from __future__ import annotations

from functools import partial

from zentalk.mailbox.commands import CloseCollector, PushToken, Refuse, Respond
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.events import Collector, CollectorLost, OpenRequested, SendIdsRequested
from zentalk.mailbox.newcomers import Newcomers, TurnDecision
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.state import SEQ_BLOCK, CollectorSession, MailboxState
from zentalk.mailbox.storage import ChangeSendIds, ClearSendIds, Outcome, RemovedOutcome
from zentalk.wire.rpc_send_ids import SendIdKind


class Owners(CorePart):
    """Registration of collectors and of send ids."""

    __slots__ = (
        "_delivery",
        "_newcomers",
        "_opening",
    )

    def __init__(self, context: Context, delivery: Delivery, newcomers: Newcomers) -> None:
        super().__init__(context)
        self._delivery = delivery
        self._newcomers = newcomers
        self._opening: set[Collector] = set()

    # --- collectors ----------------------------------------------------------------------

    def open_requested(self, event: OpenRequested, now: float) -> None:
        """Reserve the mailbox for a newer generation and commit that before responding.

        One that exists is never refused for want of work; a new one waits for its turn.
        """
        if self._is_busy(event.collector):
            self._effects.emit(Refuse(event.ticket, "opened"))
            return
        mailbox = self._registry.mailboxes.get(event.mailbox)
        if mailbox is None:
            if self._newcomers.ask(event, now) is TurnDecision.TURN:
                self._make(event, now)
        elif event.generation <= mailbox.generation:
            self._effects.emit(Refuse(event.ticket, "stale"))
        else:
            self._open(event, mailbox, now)

    def passed(self, now: float) -> None:
        """Make the mailbox whose turn has come, if one waits."""
        event = self._newcomers.passed(now)
        if event is not None:
            self._make(event, now)

    def _is_busy(self, collector: Collector) -> bool:
        return (
            collector in self._registry.sessions
            or collector in self._opening
            or self._newcomers.waits(collector)
        )

    def _make(self, event: OpenRequested, now: float) -> None:
        mailbox = self._registry.mailboxes[event.mailbox] = MailboxState(event.mailbox)
        self._open(event, mailbox, now)

    def _open(self, event: OpenRequested, mailbox: MailboxState, now: float) -> None:
        earlier = mailbox.generation
        mailbox.generation = event.generation
        mailbox.reserved_seq = mailbox.next_seq + SEQ_BLOCK
        mailbox.opened_on(self._clock.aged_day(now))
        mailbox.expires_hour = self._idle_until(mailbox, now)
        self._opening.add(event.collector)
        mailbox.opening += 1
        self._effects.apply(
            self._registry.record_of(mailbox), partial(self._opened, event, mailbox, earlier)
        )

    def _idle_until(self, mailbox: MailboxState, now: float) -> int:
        idle_seconds = self._settings.idle_seconds(came_back=mailbox.came_back)
        return self._clock.hour_after(now, idle_seconds)

    def _opened(
        self,
        event: OpenRequested,
        mailbox: MailboxState,
        earlier: int,
        outcome: Outcome | None,
        now: float,
    ) -> None:
        still_there = event.collector in self._opening
        self._opening.discard(event.collector)
        mailbox.opening -= 1
        if outcome is None:
            self._not_opened(event, mailbox, earlier)
            return
        mailbox.saved = True
        if mailbox.generation != event.generation:
            self._effects.emit(Refuse(event.ticket, "stale"))
        elif still_there:
            self._register(event, mailbox, now)

    def _not_opened(self, event: OpenRequested, mailbox: MailboxState, earlier: int) -> None:
        if mailbox.generation == event.generation:
            mailbox.generation = earlier
            if not mailbox.saved:
                self._registry.remove_mailbox(mailbox)
        self._effects.emit(Refuse(event.ticket, "storage"))

    def _register(self, event: OpenRequested, mailbox: MailboxState, now: float) -> None:
        old = mailbox.session
        if old is not None:
            self._end(old, now)
            self._effects.emit(CloseCollector(old.collector))
        window = min(event.window, self._settings.max_window)
        session = CollectorSession(event.collector, mailbox, window)
        mailbox.session = session
        mailbox.unpushed_seq = mailbox.unpushed_public_seq = mailbox.next_seq - 1
        self._registry.sessions[event.collector] = session
        self._effects.emit(Respond(event.ticket))
        self._registry.tokens -= len(mailbox.tokens)
        while mailbox.tokens:
            send_id, token = mailbox.tokens.popleft()
            self._effects.emit(PushToken(event.collector, send_id, token))
        self._delivery.pump(mailbox, now)

    def lost(self, event: CollectorLost, now: float) -> None:
        """End the session of this connection, and no other's."""
        self._opening.discard(event.collector)
        self._newcomers.lost(event.collector)
        session = self._registry.sessions.get(event.collector)
        if session is not None:
            self._end(session, now)

    def _end(self, session: CollectorSession, now: float) -> None:
        mailbox = session.mailbox
        del self._registry.sessions[session.collector]
        # A newer registration may already stand here; a late clean-up must not undo it.
        if mailbox.session is session:
            mailbox.session = None
        mailbox.expires_hour = self._idle_until(mailbox, now)
        self._delivery.take_back(session, now)

    # --- send ids ------------------------------------------------------------------------

    def send_ids_requested(self, event: SendIdsRequested, now: float) -> None:
        """Reserve new send ids, commit the change, then let it take effect."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        reason = self._refusal(mailbox, event)
        if reason is not None:
            self._effects.emit(Refuse(event.ticket, reason))
            return
        for entry in event.add:
            self._registry.register(mailbox, entry, active=False, day=self._clock.aged_day(now))
        operation = ChangeSendIds(mailbox.key, event.add, event.remove)
        self._effects.apply(operation, partial(self._send_ids_changed, event, mailbox))

    def _refusal(self, mailbox: MailboxState, event: SendIdsRequested) -> str | None:
        known = self._registry.send_ids
        new = 0
        for entry in event.add:
            record = known.get(entry.send_id)
            if record is None:
                new += 1
            elif record.mailbox is not mailbox:
                return "taken"
        settings = self._settings
        if len(mailbox.send_ids) + new > settings.max_send_ids:
            return "full"
        public = {entry.send_id for entry in event.add if entry.kind is SendIdKind.PUBLIC}
        if public:
            public |= {send_id for send_id, record in mailbox.send_ids.items() if record.public}
        if len(public) > settings.public_ids:
            return "full"
        # A few mailboxes with many ids must not leave the others without any.
        sure = settings.sure_ids(settled=mailbox.is_settled)
        beyond = new and len(mailbox.send_ids) + new > sure
        return "full" if beyond and len(known) + new > settings.max_total_send_ids else None

    def _send_ids_changed(
        self, event: SendIdsRequested, mailbox: MailboxState, outcome: Outcome | None, _now: float
    ) -> None:
        registry = self._registry
        if outcome is None:
            added = (mailbox.send_ids.get(entry.send_id) for entry in event.add)
            unsaved = [record for record in added if record is not None and not record.active]
            registry.unregister(mailbox, [record.entry.send_id for record in unsaved])
            self._effects.emit(Refuse(event.ticket, "storage"))
            return
        self._clear_turned(event, mailbox)
        kept = {entry.send_id for entry in event.add}
        registry.unregister(mailbox, [item for item in event.remove if item not in kept])
        for entry in event.add:
            registry.register(mailbox, entry, active=True)
        self._effects.emit(Respond(event.ticket))

    def _clear_turned(self, event: SendIdsRequested, mailbox: MailboxState) -> None:
        """Delete what waits under ids that become sinks, or are sinks no longer: it is unwanted."""
        turned = []
        for entry in event.add:
            known = mailbox.send_ids.get(entry.send_id)
            kinds = {entry.kind, entry.kind if known is None else known.entry.kind}
            if known is not None and len(kinds) > 1 and SendIdKind.SINK in kinds:
                turned.append(entry.send_id)
        if turned:
            self._effects.apply(ClearSendIds(mailbox.key, tuple(turned)), self._cleared)

    def _cleared(self, outcome: Outcome | None, _now: float) -> None:
        if isinstance(outcome, RemovedOutcome):
            self._registry.count_removed(outcome.removed)

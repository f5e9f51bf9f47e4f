"""The events of owners alone: becoming the collector of a mailbox, and losing the connection.

Spec: docs/spec/mailbox.md section 3. The shell has verified the collect proof before
any event of here exists. A connection collects one mailbox, so that no connection
links two of them.
"""

from __future__ import annotations

from functools import partial

from zentalk.mailbox.commands import CloseCollector, PushToken, Refuse, Respond
from zentalk.mailbox.delivery import Delivery
from zentalk.mailbox.events import Collector, CollectorLost, OpenRequested
from zentalk.mailbox.newcomers import Newcomers, TurnDecision
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.send_id_changes import SendIdChanges
from zentalk.mailbox.state import SEQ_BLOCK, CollectorSession, MailboxState
from zentalk.mailbox.storage import Outcome
from zentalk.mailbox.waking import Waking


class Owners(CorePart):
    """Registration of collectors; `send_ids` has what they do with those of their mailboxes."""

    __slots__ = (
        "_delivery",
        "_newcomers",
        "_opening",
        "_waking",
        "send_ids",
    )

    def __init__(
        self,
        context: Context,
        waking: Waking,
        delivery: Delivery,
        newcomers: Newcomers,
    ) -> None:
        super().__init__(context)
        self._waking = waking
        self._delivery = delivery
        self._newcomers = newcomers
        self.send_ids = SendIdChanges(context)
        self._opening: set[Collector] = set()

    def open_requested(self, event: OpenRequested, now: float) -> None:
        """Find the mailbox; a connection opens one at a time."""
        if self._is_busy(event.collector):
            self._effects.emit(Refuse(event.ticket, "opened"))
            return
        self._opening.add(event.collector)
        self._waking.mailbox(event.mailbox, partial(self._looked_up, event), now)

    def _looked_up(self, event: OpenRequested, is_known: bool, now: float) -> None:
        """Reserve the mailbox for a newer generation and commit that before responding.

        One that exists is never refused for want of work; a new one waits for its turn.
        """
        if event.collector not in self._opening:
            return  # the connection has ended, and nobody waits for a response
        self._opening.discard(event.collector)
        if not is_known:
            self._effects.emit(Refuse(event.ticket, "storage"))
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
        mailbox = self._registry.make(event.mailbox)
        self._waking.resting.touch(mailbox)
        self._open(event, mailbox, now)

    def _open(self, event: OpenRequested, mailbox: MailboxState, now: float) -> None:
        earlier = mailbox.generation
        mailbox.generation = event.generation
        mailbox.reserved_seq = mailbox.next_seq + SEQ_BLOCK
        mailbox.opened_on(self._clock.aged_day(now))
        mailbox.expires_hour = self._idle_until(mailbox, now)
        self._opening.add(event.collector)
        mailbox.opening += 1
        self._waking.resting.save(mailbox, partial(self._opened, event, mailbox, earlier))

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
        if mailbox.generation != event.generation:
            self._effects.emit(Refuse(event.ticket, "stale"))
        elif still_there:
            self._register(event, mailbox, now)

    def _not_opened(self, event: OpenRequested, mailbox: MailboxState, earlier: int) -> None:
        if mailbox.generation == event.generation:
            mailbox.generation = earlier
            if mailbox.saved is None:
                self._registry.unmake(mailbox)
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
        for send_id, token in self._registry.tokens.take(mailbox.key):
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
            self._waking.resting.touch(mailbox)
        mailbox.expires_hour = self._idle_until(mailbox, now)
        self._delivery.take_back(session, now)

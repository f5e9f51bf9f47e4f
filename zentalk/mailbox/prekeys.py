"""One-time prekeys: taken once each, the same response for a repeated query, a few a day.

Spec: docs/spec/mailbox.md section 10. An empty response means "use the last-resort key"
and looks the same for an unknown send id, a drained pool and a day's keys given out. A prekey
leaves only after its removal is committed. A full pool lasts longer than an owner may be away,
so that nobody sees when it is filled up.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from zentalk.ids import NodeId, PrekeyId
from zentalk.mailbox.answers import Answers
from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import (
    PrekeyRequested,
    PrekeysCountRequested,
    PrekeysPutRequested,
    Ticket,
)
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.pool import (
    FREE_PREKEYS_A_DAY,
    PREKEYS_A_DAY,
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.mailbox.state import MailboxState
from zentalk.mailbox.storage import Outcome
from zentalk.mailbox.waking import Waking
from zentalk.mailbox.work import prekey_challenge, worth
from zentalk.wire.deposit import stamped_epoch
from zentalk.wire.rpc_prekeys import NO_PREKEY, PrekeysCountResponse, PrekeysTakeResponse
from zentalk.wire.rpc_send_ids import SendIdKind


@dataclass(slots=True, eq=False)
class _Query:
    """A query of the last minutes: its response (None while the store works), who waits."""

    until: float
    blob: bytes | None = None
    waiting: list[Ticket] = field(default_factory=list)


class Prekeys(CorePart):
    """The pools of all mailboxes, and the memory of recent queries."""

    __slots__ = ("_answers", "_queries", "_relay", "_waking")

    def __init__(self, context: Context, waking: Waking, answers: Answers, relay: NodeId) -> None:
        super().__init__(context)
        self._waking = waking
        self._answers = answers
        self._relay = relay
        self._queries: OrderedDict[bytes, _Query] = OrderedDict()

    # --- anyone --------------------------------------------------------------------------

    def requested(self, event: PrekeyRequested, now: float) -> None:
        """Look for the mailbox, unless this is a repeated query."""
        self._forget_old(now)
        query = self._queries.get(event.send_id + event.query_id)
        if query is not None:
            self._repeat(query, event.ticket)
        else:
            self._waking.look_up(event.send_id, partial(self._looked_up, event, now))

    def _looked_up(
        self, event: PrekeyRequested, asked_at: float, is_known: bool, now: float
    ) -> None:
        """Respond to a query with a prekey of the pool, with its price, or with nothing."""
        if not is_known:
            self._answers.give(Refuse(event.ticket, "storage"), asked_at, now)
            return
        key = event.send_id + event.query_id
        query = self._queries.get(key)
        if query is not None:  # the same query came twice at once
            self._repeat(query, event.ticket)
            return
        mailbox = self._owner(event, asked_at)
        if mailbox is None:
            self._answers.give(Respond(event.ticket, NO_PREKEY), asked_at, now)
            return
        day = self._clock.aged_day(now)
        takes = mailbox.takes if mailbox.takes_day == day else 0
        if mailbox.prekeys == 0 or takes >= PREKEYS_A_DAY:
            self._drained(mailbox)
            self._answers.give(Respond(event.ticket, NO_PREKEY), asked_at, now)
            return
        asked = self._asked(takes)
        if self._shown(event, asked_at) < asked:
            price = PrekeysTakeResponse(b"", asked)
            self._answers.give(Respond(event.ticket, price), asked_at, now)
            return
        mailbox.takes, mailbox.takes_day = takes + 1, day
        self._forget_old(now)
        until = now + self._settings.query_memory_seconds
        query = self._queries[key] = _Query(until, waiting=[event.ticket])
        operation = TakePrekey(mailbox.key, day, takes + 1)
        self._effects.apply(operation, partial(self._taken, mailbox, key, query))

    def _asked(self, takes: int) -> int:
        """Return the bits of work for one more prekey on a day on which so many were taken."""
        paid = takes - FREE_PREKEYS_A_DAY
        return 0 if paid < 0 else self._settings.prekey_bits + paid

    def _shown(self, event: PrekeyRequested, now: float) -> int:
        epoch = stamped_epoch(event.stamp, self._clock.epoch(now))
        if epoch is None:
            return 0
        task = prekey_challenge(self._relay, event.send_id, event.query_id, epoch)
        return worth(task, event.stamp.nonce)

    def _repeat(self, query: _Query, ticket: Ticket) -> None:
        if query.blob is None:
            query.waiting.append(ticket)
        else:
            self._effects.emit(Respond(ticket, PrekeysTakeResponse(query.blob)))

    def _owner(self, event: PrekeyRequested, now: float) -> MailboxState | None:
        record = self._registry.send_ids.get(event.send_id)
        if record is None or record.entry.kind is not SendIdKind.PUBLIC:
            return None
        return record.mailbox if record.accepts_deposits(self._clock.day(now)) else None

    def _taken(
        self, mailbox: MailboxState, key: bytes, query: _Query, outcome: Outcome | None, _now: float
    ) -> None:
        waiting, query.waiting = query.waiting, []
        if not isinstance(outcome, PrekeyOutcome):
            if self._queries.get(key) is query:
                del self._queries[key]
            for ticket in waiting:
                self._effects.emit(Refuse(ticket, "storage"))
            return
        if outcome.blob is None:
            mailbox.prekeys = 0
            self._drained(mailbox)
        else:
            mailbox.prekeys = max(0, mailbox.prekeys - 1)
            self._registry.counters["prekeys_taken"] += 1
        query.blob = outcome.blob or b""
        for ticket in waiting:
            self._effects.emit(Respond(ticket, PrekeysTakeResponse(query.blob)))

    def _drained(self, mailbox: MailboxState) -> None:
        """Remember for the owner that somebody had to use the last-resort key."""
        if not mailbox.last_resort_used:
            mailbox.last_resort_used = True
            self._waking.resting.save(mailbox, ignore)

    def _forget_old(self, now: float) -> None:
        queries = self._queries
        while queries:
            oldest = next(iter(queries.values()))
            if oldest.until > now and len(queries) < self._settings.max_queries:
                return
            queries.popitem(last=False)

    # --- the owner -----------------------------------------------------------------------

    def put_requested(self, event: PrekeysPutRequested, _now: float) -> None:
        """Change the owner's pool; the response is its size."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        kept = max(0, mailbox.prekeys - len(event.remove))
        if kept + mailbox.prekeys_writing + len(event.add) > self._settings.max_pool:
            self._effects.emit(Refuse(event.ticket, "full"))
            return
        mailbox.prekeys_writing += len(event.add)
        operation = PutPrekeys(mailbox.key, event.add, event.remove)
        self._effects.apply(operation, partial(self._refilled, mailbox, event))

    def _refilled(
        self,
        mailbox: MailboxState,
        event: PrekeysPutRequested,
        outcome: Outcome | None,
        _now: float,
    ) -> None:
        mailbox.prekeys_writing -= len(event.add)
        if not isinstance(outcome, PoolOutcome):
            self._effects.emit(Refuse(event.ticket, "storage"))
            return
        mailbox.prekeys = outcome.size
        if outcome.size and mailbox.last_resort_used:
            mailbox.last_resort_used = False
            self._waking.resting.save(mailbox, ignore)
        self._effects.emit(Respond(event.ticket, outcome.size))

    def count_requested(self, event: PrekeysCountRequested, _now: float) -> None:
        """Tell the owner the size of the pool and whether it ever ran dry since the refill."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        if event.with_ids:
            self._effects.apply(ListPrekeys(mailbox.key), partial(self._listed, mailbox, event))
        else:
            self._tell(mailbox, event, ())

    def _listed(
        self,
        mailbox: MailboxState,
        event: PrekeysCountRequested,
        outcome: Outcome | None,
        _now: float,
    ) -> None:
        if isinstance(outcome, PoolListOutcome):
            self._tell(mailbox, event, outcome.prekey_ids)
        else:
            self._effects.emit(Refuse(event.ticket, "storage"))

    def _tell(
        self, mailbox: MailboxState, event: PrekeysCountRequested, ids: tuple[PrekeyId, ...]
    ) -> None:
        count = PrekeysCountResponse(mailbox.prekeys, mailbox.last_resort_used, ids)
        self._effects.emit(Respond(event.ticket, count))

"""One-time prekeys: taken once each, the same response for a repeated query, rate-limited.

Spec: docs/spec/mailbox.md section 10. An empty response means "use the last-resort key"
and looks the same for an unknown send id, a drained pool and an exceeded rate. A prekey
leaves only after its removal is committed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import (
    PrekeyRequested,
    PrekeysCountRequested,
    PrekeysPutRequested,
    Ticket,
)
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.state import MailboxState
from zentalk.mailbox.storage import Outcome, PoolOutcome, PrekeyOutcome, PutPrekeys, TakePrekey
from zentalk.wire.rpc_prekeys import PrekeysCountResponse
from zentalk.wire.rpc_send_ids import SendIdKind


@dataclass(slots=True, eq=False)
class _Query:
    """A query of the last minutes: its response (None while the store works), who waits."""

    until: float
    blob: bytes | None = None
    waiting: list[Ticket] = field(default_factory=list)


class Prekeys(CorePart):
    """The pools of all mailboxes, and the memory of recent queries."""

    __slots__ = ("_queries",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._queries: OrderedDict[bytes, _Query] = OrderedDict()

    # --- anyone --------------------------------------------------------------------------

    def requested(self, event: PrekeyRequested, now: float) -> None:
        """Respond to a query with a prekey of the pool, or with nothing."""
        self._forget_old(now)
        key = event.send_id + event.query_id
        query = self._queries.get(key)
        if query is not None:
            self._repeat(query, event.ticket)
            return
        mailbox = self._owner(event, now)
        if mailbox is None:
            self._effects.emit(Respond(event.ticket, b""))
            return
        if mailbox.prekeys == 0 or not self._within_rate(mailbox, now):
            self._drained(mailbox)
            self._effects.emit(Respond(event.ticket, b""))
            return
        until = now + self._settings.query_memory_seconds
        query = self._queries[key] = _Query(until, waiting=[event.ticket])
        self._effects.apply(TakePrekey(mailbox.key), partial(self._taken, mailbox, key, query))

    def _repeat(self, query: _Query, ticket: Ticket) -> None:
        if query.blob is None:
            query.waiting.append(ticket)
        else:
            self._effects.emit(Respond(ticket, query.blob))

    def _owner(self, event: PrekeyRequested, now: float) -> MailboxState | None:
        record = self._registry.send_ids.get(event.send_id)
        if record is None or record.entry.kind is not SendIdKind.PUBLIC:
            return None
        return record.mailbox if record.accepts_deposits(self._clock.day(now)) else None

    def _within_rate(self, mailbox: MailboxState, now: float) -> bool:
        """Take from the mailbox's bucket of `prekey_burst` takes if it is not empty."""
        settings = self._settings
        refilled = (now - mailbox.takes_at) / settings.prekey_refill_seconds
        mailbox.takes = max(0.0, mailbox.takes - refilled)
        mailbox.takes_at = now
        if mailbox.takes + 1 > settings.prekey_burst:
            return False
        mailbox.takes += 1
        return True

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
            self._effects.emit(Respond(ticket, query.blob))

    def _drained(self, mailbox: MailboxState) -> None:
        """Remember for the owner that somebody had to use the last-resort key."""
        if not mailbox.last_resort_used:
            mailbox.last_resort_used = True
            self._save(mailbox)

    def _save(self, mailbox: MailboxState) -> None:
        self._effects.apply(self._registry.record_of(mailbox), ignore)

    def _forget_old(self, now: float) -> None:
        queries = self._queries
        while queries:
            oldest = next(iter(queries.values()))
            if oldest.until > now and len(queries) < self._settings.max_queries:
                return
            queries.popitem(last=False)

    # --- the owner -----------------------------------------------------------------------

    def put_requested(self, event: PrekeysPutRequested, _now: float) -> None:
        """Add to the owner's pool; the response is its size."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        kept = 0 if event.replace else mailbox.prekeys
        if kept + mailbox.prekeys_writing + len(event.blobs) > self._settings.max_pool:
            self._effects.emit(Refuse(event.ticket, "full"))
            return
        mailbox.prekeys_writing += len(event.blobs)
        operation = PutPrekeys(mailbox.key, event.blobs, event.replace)
        self._effects.apply(operation, partial(self._refilled, mailbox, event))

    def _refilled(
        self,
        mailbox: MailboxState,
        event: PrekeysPutRequested,
        outcome: Outcome | None,
        _now: float,
    ) -> None:
        mailbox.prekeys_writing -= len(event.blobs)
        if not isinstance(outcome, PoolOutcome):
            self._effects.emit(Refuse(event.ticket, "storage"))
            return
        mailbox.prekeys = outcome.size
        if outcome.size and mailbox.last_resort_used:
            mailbox.last_resort_used = False
            self._save(mailbox)
        self._effects.emit(Respond(event.ticket, outcome.size))

    def count_requested(self, event: PrekeysCountRequested, _now: float) -> None:
        """Tell the owner the size of the pool and whether it ever ran dry since the refill."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        self._effects.emit(
            Respond(event.ticket, PrekeysCountResponse(mailbox.prekeys, mailbox.last_resort_used))
        )

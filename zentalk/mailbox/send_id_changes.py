"""Send ids of a mailbox, changed by its owner: how many it may have, and what takes effect when.

Spec: docs/spec/mailbox.md section 3. What is asked for counts at once, so that no bound is passed
by asking for much side by side; it takes effect with the commit. That an id is another mailbox's
the store tells, also where memory would: nobody may learn which mailboxes are awake.
"""

from __future__ import annotations

from functools import partial

from zentalk.ids import SendId
from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import SendIdsRequested
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.state import MailboxState
from zentalk.mailbox.storage import (
    ChangeSendIds,
    ClearSendIds,
    Outcome,
    RemovedOutcome,
    SendIdsOutcome,
)
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind


class SendIdChanges(CorePart):
    """Registration of send ids; `_reserved` is how many new ones are under way in all."""

    __slots__ = ("_reserved",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._reserved = 0

    def requested(self, event: SendIdsRequested, now: float) -> None:
        """Reserve new send ids, commit the change, then let it take effect."""
        session = self._registry.sessions.get(event.collector)
        if session is None:
            self._effects.emit(Refuse(event.ticket, "closed"))
            return
        mailbox = session.mailbox
        new = _new_ids(mailbox, event.add)
        reason = self._refusal(mailbox, event, len(new))
        if reason is not None:
            self._effects.emit(Refuse(event.ticket, reason))
            return
        mailbox.changing.append(event.add)
        self._reserved += len(new)
        day = self._clock.aged_day(now)
        kept = {entry.send_id for entry in event.add}
        remove = tuple(item for item in event.remove if item not in kept)
        operation = ChangeSendIds(mailbox.key, event.add, remove, day)
        self._effects.apply(operation, partial(self._changed, event, operation, mailbox, len(new)))

    def _refusal(self, mailbox: MailboxState, event: SendIdsRequested, new: int) -> str | None:
        settings = self._settings
        ids = len(mailbox.send_ids) + new + len(_under_way(mailbox))
        if ids > settings.max_send_ids:
            return "full"
        if _count_public(mailbox, event.add) > settings.public_ids:
            return "full"
        # A few mailboxes with many ids must not leave the others without any.
        beyond = new and ids > settings.sure_ids(settled=mailbox.is_settled)
        total = self._registry.send_id_count + self._reserved + new
        return "full" if beyond and total > settings.max_total_send_ids else None

    def _changed(
        self,
        event: SendIdsRequested,
        operation: ChangeSendIds,
        mailbox: MailboxState,
        new: int,
        outcome: Outcome | None,
        _now: float,
    ) -> None:
        mailbox.changing.remove(event.add)
        self._reserved -= new
        if not isinstance(outcome, SendIdsOutcome):
            self._effects.emit(Refuse(event.ticket, "storage"))
            return
        if outcome.is_taken:
            self._effects.emit(Refuse(event.ticket, "taken"))
            return
        self._clear_turned(event, mailbox)
        self._registry.unregister(mailbox, operation.remove)
        for entry in event.add:
            self._registry.register(mailbox, entry, operation.day)
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


def _under_way(mailbox: MailboxState) -> set[SendId]:
    """Return the ids that a mailbox may soon have, and has not yet."""
    asked = {entry.send_id for entries in mailbox.changing for entry in entries}
    return asked - mailbox.send_ids.keys()


def _new_ids(mailbox: MailboxState, add: tuple[SendIdEntry, ...]) -> set[SendId]:
    """Return which of these ids a mailbox neither has nor asks for already."""
    return {entry.send_id for entry in add} - mailbox.send_ids.keys() - _under_way(mailbox)


def _count_public(mailbox: MailboxState, add: tuple[SendIdEntry, ...]) -> int:
    """Return how many public ids there would be; 0 if these are none."""
    if not any(entry.kind is SendIdKind.PUBLIC for entry in add):
        return 0
    public = {send_id for send_id, record in mailbox.send_ids.items() if record.public}
    for entries in (*mailbox.changing, add):
        public |= {entry.send_id for entry in entries if entry.kind is SendIdKind.PUBLIC}
    return len(public)

"""Removes what is over: expired envelopes, past send ids, mailboxes nobody opens.

Spec: docs/spec/mailbox.md sections 8 and 16. Runs at start, at every sweep interval and when the
operator asks; in small steps, so that deposits are not held up. Mailboxes that sleep are woken
for it, a few at a time, and only those for which there is something to do.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.look_ups import BEFORE_ALL, DueOutcome, ListDue, Unused
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.settings import HOUR_SECONDS
from zentalk.mailbox.state import MailboxState, SendIdRecord
from zentalk.mailbox.storage import (
    ChangeSendIds,
    KeepTime,
    Outcome,
    RemovedOutcome,
    RemoveMailbox,
    SendIdsOutcome,
    ShortenExpiry,
    SweepEnvelopes,
)
from zentalk.mailbox.stored import Totals
from zentalk.mailbox.waking import Waking
from zentalk.wire.rpc_send_ids import SendIdKind

STEP: Final = 500
"""Envelopes removed by one operation."""
PAGE: Final = 50
"""Mailboxes woken at a time."""
_CROWDED: Final = 0.75
"""A share of the room for send ids: above it those that nobody uses give way."""
_SPARE_DAYS: Final = 1
"""Days that a send id is kept after its last one, for clocks that disagree."""


class Sweeping(CorePart):
    """The sweeps: each removes what is over, and sets the time of the next."""

    __slots__ = ("_sweep_at", "_waking", "_walks")

    def __init__(self, context: Context, waking: Waking, now: float) -> None:
        super().__init__(context)
        self._waking = waking
        self._walks = False
        self._sweep_at = now
        # A TTL that was lowered since the last start counts for what waits already. One
        # hour more, because arrivals are kept rounded down.
        hours = -(-context.settings.ttl_seconds // HOUR_SECONDS) + 1
        self._effects.apply(ShortenExpiry(hours), ignore)

    def next_deadline(self) -> float:
        """Return when the next sweep is due."""
        return self._sweep_at

    def passed(self, now: float) -> None:
        """Sweep if it is time."""
        if self._sweep_at <= now:
            self.sweep(now)

    def sweep(self, now: float) -> None:
        """Sweep now; the next one follows after the interval."""
        self._sweep_at = now + self._settings.sweep_seconds
        self._registry.counters["sweeps"] += 1
        self._effects.apply(KeepTime(self._clock.hour(now)), ignore)
        self._step(now)
        crowded = self._is_crowded
        for mailbox in list(self._registry.mailboxes.values()):
            self._attend(mailbox, now, crowded=crowded)
        self._waking.resting.rest_all(now)
        if not self._walks:
            self._walks = True
            self._walk(BEFORE_ALL, now, crowded=crowded)

    # --- mailboxes -----------------------------------------------------------------------

    def _walk(self, after: MailboxId, now: float, *, crowded: bool) -> None:
        """Look for mailboxes that need attention, in order from after a key."""
        today = self._clock.aged_day(now)
        unused = None
        if crowded:
            least = self._settings.sure_ids(settled=False)
            unused = Unused(today - self._settings.unused_days, least)
        first_day = today - _SPARE_DAYS
        operation = ListDue(after, PAGE, self._clock.hour(now), first_day, unused)
        self._effects.apply(operation, partial(self._listed, crowded))

    def _listed(self, crowded: bool, outcome: Outcome | None, now: float) -> None:
        """Attend to a page of mailboxes, by what the room was when they were listed.

        Those that sleep come later than those that do not, and must fare alike.
        """
        self._walks = False
        if not isinstance(outcome, DueOutcome):
            return
        for key in outcome.mailboxes:
            self._waking.mailbox(key, partial(self._woken, key, crowded), now)
        if len(outcome.mailboxes) == PAGE:
            # Behind the look-ups of this page, so that no more than a page wakes at once.
            self._walks = True
            self._walk(outcome.mailboxes[-1], now, crowded=crowded)

    def _woken(self, key: MailboxId, crowded: bool, _is_known: bool, now: float) -> None:
        mailbox = self._registry.mailboxes.get(key)
        if mailbox is not None:
            self._attend(mailbox, now, crowded=crowded)

    def _attend(self, mailbox: MailboxState, now: float, *, crowded: bool) -> None:
        """Do what is to be done for a mailbox."""
        if self._is_idle(mailbox, now):
            self._registry.forget(mailbox)
            self._registry.tokens.take(mailbox.key)
            self._registry.removing.add(mailbox.key)
            self._effects.apply(RemoveMailbox(mailbox.key), partial(self._removed, mailbox.key))
            return
        today = self._clock.aged_day(now)
        self._drop_past_send_ids(mailbox, today)
        if crowded:
            self._drop_unused_send_ids(mailbox, today)

    def _removed(self, key: MailboxId, outcome: Outcome | None, _now: float) -> None:
        self._registry.removed(key, outcome if isinstance(outcome, Totals) else None)

    @property
    def _is_crowded(self) -> bool:
        return self._registry.send_id_count > self._settings.max_total_send_ids * _CROWDED

    # --- envelopes -----------------------------------------------------------------------

    def _step(self, now: float) -> None:
        self._effects.apply(SweepEnvelopes(self._clock.hour(now), STEP), self._swept)

    def _swept(self, outcome: Outcome | None, now: float) -> None:
        if not isinstance(outcome, RemovedOutcome):
            return
        count = self._registry.count_removed(outcome.removed, outcome.emptied)
        self._registry.counters["expired"] += count
        if count == STEP:
            self._step(now)

    # --- what is over --------------------------------------------------------------------

    def _is_idle(self, mailbox: MailboxState, now: float) -> bool:
        """Whether nobody opened a mailbox for long; one that is open gets new time."""
        hour = self._clock.hour(now)
        if mailbox.session is None:
            return mailbox.expires_hour <= hour
        is_new_day = mailbox.opened_on(self._clock.aged_day(now))
        idle_seconds = self._settings.idle_seconds(came_back=mailbox.came_back)
        if is_new_day or mailbox.expires_hour - hour < idle_seconds // 2 // HOUR_SECONDS:
            mailbox.expires_hour = self._clock.hour_after(now, idle_seconds)
            self._waking.resting.save(mailbox, ignore)
        return False

    def _drop_past_send_ids(self, mailbox: MailboxState, today: int) -> None:
        past = tuple(
            record.entry.send_id
            for record in mailbox.send_ids.values()
            if record.entry.valid_until + _SPARE_DAYS < today
        )
        self._drop(mailbox, past)

    def _drop_unused_send_ids(self, mailbox: MailboxState, today: int) -> None:
        """Drop what nobody used for long, beyond what a mailbox is sure of.

        Never of one that is connected, and never a public id of today or of days to come.
        """
        sure = self._settings.sure_ids(settled=mailbox.is_settled)
        if mailbox.session is not None or mailbox.opening or len(mailbox.send_ids) <= sure:
            return
        records = [record for record in mailbox.send_ids.values() if not record.public]
        kept_public = len(mailbox.send_ids) - len(records)
        records.sort(key=_how_useful, reverse=True)
        unused = tuple(
            record.entry.send_id
            for record in records[max(0, sure - kept_public) :]
            if record.used_day + self._settings.unused_days <= today
        )
        if unused:
            self._registry.counters["send_ids_unused"] += len(unused)
            self._drop(mailbox, unused)

    def _drop(self, mailbox: MailboxState, send_ids: tuple[SendId, ...]) -> None:
        if send_ids:
            operation = ChangeSendIds(mailbox.key, (), send_ids)
            self._effects.apply(operation, partial(self._dropped, mailbox, send_ids))

    def _dropped(
        self,
        mailbox: MailboxState,
        send_ids: tuple[SendId, ...],
        outcome: Outcome | None,
        _now: float,
    ) -> None:
        if isinstance(outcome, SendIdsOutcome):
            self._registry.unregister(mailbox, send_ids)


def _how_useful(record: SendIdRecord) -> tuple[bool, int]:
    """Acks come first; then whatever was used last."""
    return record.entry.kind is SendIdKind.ACK, record.used_day

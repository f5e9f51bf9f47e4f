"""Removes what is over: expired envelopes, past send ids, mailboxes nobody opens.

Spec: docs/spec/mailbox.md section 8. Runs at start, at every sweep interval and when
the operator asks; in small steps, so that deposits are not held up.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import SendId
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.settings import HOUR_SECONDS
from zentalk.mailbox.state import MailboxState, SendIdRecord
from zentalk.mailbox.storage import (
    ChangeSendIds,
    KeepTime,
    Outcome,
    RemovedOutcome,
    RemoveMailbox,
    ShortenExpiry,
    SweepEnvelopes,
)
from zentalk.wire.rpc_send_ids import SendIdKind

STEP: Final = 500
"""Envelopes removed by one operation."""
_CROWDED: Final = 0.75
"""Of the room for send ids: above it those that nobody uses give way."""
_SPARE_DAYS: Final = 1
"""Days that a send id is kept after its last one, for clocks that disagree."""


class Sweeping(CorePart):
    """When the next sweep is, and what it does."""

    __slots__ = ("_sweep_at",)

    def __init__(self, context: Context, now: float) -> None:
        super().__init__(context)
        self._sweep_at = now
        # A TTL that was lowered since the last start counts for what waits already. One
        # hour more, because arrivals are kept rounded down.
        hours = -(-context.settings.ttl_seconds // HOUR_SECONDS) + 1
        self._effects.apply(ShortenExpiry(hours), ignore)

    def next_deadline(self) -> float:
        """When the next sweep is due."""
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
        today = self._clock.aged_day(now)
        for mailbox in list(self._registry.mailboxes.values()):
            if self._is_idle(mailbox, now):
                self._registry.remove_mailbox(mailbox)
                self._registry.counters["mailboxes_removed"] += 1
                self._effects.apply(RemoveMailbox(mailbox.key), ignore)
            else:
                self._drop_past_send_ids(mailbox, today)
        if len(self._registry.send_ids) > self._settings.max_total_send_ids * _CROWDED:
            for mailbox in self._registry.mailboxes.values():
                self._drop_unused_send_ids(mailbox, today)

    def _step(self, now: float) -> None:
        self._effects.apply(SweepEnvelopes(self._clock.hour(now), STEP), self._swept)

    def _swept(self, outcome: Outcome | None, now: float) -> None:
        if not isinstance(outcome, RemovedOutcome):
            return
        count = self._registry.count_removed(outcome.removed)
        self._registry.counters["expired"] += count
        if count == STEP:
            self._step(now)

    def _is_idle(self, mailbox: MailboxState, now: float) -> bool:
        """Whether nobody opened a mailbox for long; one that is open gets new time."""
        hour = self._clock.hour(now)
        if mailbox.session is None:
            return mailbox.expires_hour <= hour
        is_new_day = mailbox.opened_on(self._clock.aged_day(now))
        idle_seconds = self._settings.idle_seconds(came_back=mailbox.came_back)
        if is_new_day or mailbox.expires_hour - hour < idle_seconds // 2 // HOUR_SECONDS:
            mailbox.expires_hour = self._clock.hour_after(now, idle_seconds)
            self._effects.apply(self._registry.record_of(mailbox), ignore)
        return False

    def _drop_past_send_ids(self, mailbox: MailboxState, today: int) -> None:
        past = tuple(
            record.entry.send_id
            for record in mailbox.send_ids.values()
            if record.active and record.entry.valid_until + _SPARE_DAYS < today
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
            if record.active and record.used_day + self._settings.unused_days <= today
        )
        self._registry.counters["send_ids_unused"] += len(unused)
        self._drop(mailbox, unused)

    def _drop(self, mailbox: MailboxState, send_ids: tuple[SendId, ...]) -> None:
        if send_ids:
            self._registry.unregister(mailbox, send_ids)
            self._effects.apply(ChangeSendIds(mailbox.key, (), send_ids), ignore)


def _how_useful(record: SendIdRecord) -> tuple[bool, int]:
    """Acks come first; then whatever was used last."""
    return record.entry.kind is SendIdKind.ACK, record.used_day

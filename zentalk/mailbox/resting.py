"""Decides which mailboxes stay in memory though nobody collects them, and lets the others sleep.

Spec: docs/spec/mailbox.md section 16. What sleeps is only rows of the store. A mailbox may sleep
when nothing of it is under way and all that memory knows is committed: so it makes no difference
to anybody but the relay's memory. It must never let go of a mailbox that has a session.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Final

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.effects import Continuation
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.state import MailboxState
from zentalk.mailbox.storage import Outcome
from zentalk.mailbox.stored import SaveMailbox

_TRIES: Final = 8
"""Mailboxes looked at after one event, of which most wakes one: those that are busy come last."""


class Resting(CorePart):
    """Mailboxes without a session, the one that was used last at the end.

    `_falling` is how many are being saved to sleep then.
    """

    __slots__ = ("_falling", "_order")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._order: OrderedDict[MailboxId, MailboxState] = OrderedDict()
        self._falling = 0

    def touch(self, mailbox: MailboxState) -> None:
        """Note that a mailbox was used; one with a session is left out when its turn comes."""
        self._order[mailbox.key] = mailbox
        self._order.move_to_end(mailbox.key)

    def trim(self, now: float) -> None:
        """Let those sleep that were not used for longest, until no more are awake than may be."""
        for _ in range(_TRIES):
            if len(self._order) - self._falling <= self._settings.max_awake:
                return
            mailbox = next(iter(self._order.values()))
            if not self._is_awake(mailbox) or mailbox.session is not None:
                del self._order[mailbox.key]
            else:
                self._order.move_to_end(mailbox.key)
                self._rest(mailbox, now)

    def rest_all(self, now: float) -> None:
        """Commit what is only in memory, and let all sleep that nobody collects."""
        for mailbox in list(self._registry.mailboxes.values()):
            if mailbox.session is None:
                self._rest(mailbox, now)
            elif not _is_saved(mailbox):
                self.save(mailbox, ignore)

    # --- saving --------------------------------------------------------------------------

    def save(self, mailbox: MailboxState, then: Continuation) -> None:
        """Commit the record of a mailbox and the days of its send ids, and go on with `then`."""
        operation = replace(mailbox.record(), used=_unsaved_days(mailbox))
        self._effects.apply(operation, partial(self._saved, mailbox, operation, then))

    def _saved(
        self,
        mailbox: MailboxState,
        operation: SaveMailbox,
        then: Continuation,
        outcome: Outcome | None,
        now: float,
    ) -> None:
        if outcome is not None:
            mailbox.saved = replace(operation, used=())
            for send_id, day in operation.used:
                record = mailbox.send_ids.get(send_id)
                if record is not None:
                    record.saved_day = day
        then(outcome, now)

    # --- falling asleep ------------------------------------------------------------------

    def _rest(self, mailbox: MailboxState, now: float) -> None:
        if self._is_busy(mailbox, now):
            return
        # All numbers below are used, and none above: it goes on with the same when it wakes.
        mailbox.reserved_seq = mailbox.next_seq
        if _is_saved(mailbox):
            self._sleep(mailbox)
        else:
            self._falling += 1
            self.save(mailbox, partial(self._rest_saved, mailbox))

    def _rest_saved(self, mailbox: MailboxState, outcome: Outcome | None, now: float) -> None:
        self._falling -= 1
        if not self._is_awake(mailbox) or self._is_busy(mailbox, now):
            return
        # Where nothing can be written, memory must not fill up: what is lost then is what a
        # process that is killed loses.
        is_crowded = len(self._order) > self._settings.max_awake
        if is_crowded if outcome is None else _is_saved(mailbox):
            self._sleep(mailbox)

    def _sleep(self, mailbox: MailboxState) -> None:
        self._order.pop(mailbox.key, None)
        self._registry.forget(mailbox)
        # Each of them refers back to it; without that its memory is free at once.
        mailbox.send_ids.clear()

    def _is_awake(self, mailbox: MailboxState) -> bool:
        return self._registry.mailboxes.get(mailbox.key) is mailbox

    def _is_busy(self, mailbox: MailboxState, now: float) -> bool:
        """Tell whether something refers to a mailbox that only memory has."""
        return (
            mailbox.session is not None
            or bool(mailbox.live)
            or now < mailbox.acks_until
            or self._effects.is_under_way(mailbox.key)
        )


def _unsaved_days(mailbox: MailboxState) -> tuple[tuple[SendId, int], ...]:
    return tuple(
        (send_id, record.used_day)
        for send_id, record in mailbox.send_ids.items()
        if record.used_day != record.saved_day
    )


def _is_saved(mailbox: MailboxState) -> bool:
    return mailbox.saved == mailbox.record() and not _unsaved_days(mailbox)

"""Puts envelopes into the store: how much room there is, and what came of it.

Spec: docs/spec/mailbox.md sections 4 and 5. Quotas are decided here, when an envelope
is written. Nothing is marked safe before the store has reported the commit.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.settings import MailboxProfile
from zentalk.mailbox.state import Held, Mail, MailboxState, SendIdRecord
from zentalk.mailbox.storage import (
    DeleteEnvelopes,
    DropArrivals,
    Outcome,
    PutEnvelope,
    PutOutcome,
    PutResult,
    RemovedOutcome,
    Room,
)
from zentalk.mailbox.stored import SINK, Envelope, Removed

_COUNTED: Final = {
    PutResult.INSERTED: "deposited",
    PutResult.REPLACED: "repeats",
    PutResult.REFUSED: "refused_full",
    PutResult.NO_SPACE: "refused_disk",
    None: "refused_storage",
}
"""As what a deposit is counted, by what became of its write; None is a failed transaction."""
_KEPT: Final = (PutResult.INSERTED, PutResult.REPLACED)


class Writing(CorePart):
    """Writes and deletes mail; `held_bytes` is what is in memory and not committed yet."""

    __slots__ = ("held_bytes",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.held_bytes = 0

    def room(self, mailbox: MailboxState, send: SendIdRecord | None, size_bytes: int) -> Room:
        """Return the room for a contact's envelope of that size; writes under way count as stored.

        Public mail counts neither for it nor against it.
        """
        settings = self._settings
        if send is not None and send.stored + send.writing >= settings.contact_quota:
            return Room.REPLACE_ONLY
        waiting = mailbox.stored + mailbox.writing - mailbox.public - mailbox.public_writing
        waiting_bytes = mailbox.stored_bytes + mailbox.writing_bytes
        waiting_bytes -= mailbox.public_bytes + mailbox.public_writing_bytes
        if (
            waiting >= settings.max_envelopes
            or waiting_bytes + size_bytes > settings.max_mailbox_bytes
        ):
            evicts = settings.profile is MailboxProfile.MEMORY
            return Room.EVICT_OLDEST if evicts else Room.REPLACE_ONLY
        return Room.FREE

    def _room_for(self, mail: Mail) -> Room:
        """Return what room any mail finds; about strangers' the list of arrivals has decided."""
        if mail.work == SINK and mail.send is not None:
            is_full = mail.send.stored + mail.send.writing >= self._settings.contact_quota
            return Room.REPLACE_ONLY if is_full else Room.FREE
        return Room.FREE if mail.apart else self.room(mail.mailbox, mail.send, len(mail.sealed))

    def has_public_room(self, mailbox: MailboxState, size_bytes: int) -> bool:
        """Tell whether public mail of that size fits beside what waits.

        It does whatever strangers do: only an owner who registers more send ids than a node
        needs can have so much.
        """
        waiting_bytes = mailbox.public_bytes + mailbox.public_writing_bytes
        return waiting_bytes + size_bytes <= self._settings.public_bytes

    def write(self, mail: Mail, now: float) -> None:
        """Hand an envelope to the store."""
        mailbox, send, size = mail.mailbox, mail.send, len(mail.sealed)
        room = self._room_for(mail)
        mail.held = Held.WRITING
        mail.writes += 1
        mailbox.writing += 1
        mailbox.writing_bytes += size
        mailbox.public_writing += mail.apart
        mailbox.public_writing_bytes += size * mail.apart
        if send is not None:
            send.writing += 1
        self.held_bytes += size
        # A push that is still in flight is not a fruitless one yet.
        fruitless = mail.attempts - mail.in_flight
        envelope = Envelope(
            mailbox.key,
            mail.stored_seq,
            *mail.letter,
            fruitless,
            self._clock.hour(now) if fruitless else 0,
            mail.sealed,
            mail.work,
            mail.stamp,
        )
        then = partial(self._written, mail, size)
        self._effects.apply(PutEnvelope(envelope, room, mail.change), then)

    def _written(self, mail: Mail, size: int, outcome: Outcome | None, _now: float) -> None:
        mailbox, send = mail.mailbox, mail.send
        mail.writes -= 1
        mailbox.writing -= 1
        mailbox.writing_bytes -= size
        mailbox.public_writing -= mail.apart
        mailbox.public_writing_bytes -= size * mail.apart
        if send is not None:
            send.writing -= 1
        self.held_bytes -= size
        self._count(mail, outcome)
        self._settle(mail, outcome)
        if isinstance(outcome, PutOutcome):
            self._account(mail, outcome)
        else:
            self._lose(mail)
        mail.forget_if_idle()

    def _settle(self, mail: Mail, outcome: Outcome | None) -> None:
        """Make the list of a public send id agree with what the store has kept."""
        change, mail.change = mail.change, None
        if change is None or mail.send is None:
            return
        arrivals = mail.send.arrivals
        if isinstance(outcome, PutOutcome) and outcome.result in _KEPT:
            arrivals.settle(change.arrival.deposit_id)
            return
        lost = arrivals.undo(change, self._settings.public_quota)
        if lost:
            gone = tuple(arrival.deposit_id for arrival in lost)
            operation = DropArrivals(mail.mailbox.key, mail.letter.send_id, gone)
            self._effects.apply(operation, self._dropped)

    def _dropped(self, outcome: Outcome | None, _now: float) -> None:
        if isinstance(outcome, RemovedOutcome):
            self._registry.counters["evicted"] += self._registry.count_removed(outcome.removed)

    def _count(self, mail: Mail, outcome: Outcome | None) -> None:
        """Count what became of the deposit that was written."""
        result = outcome.result if isinstance(outcome, PutOutcome) else None
        name = _COUNTED[result]
        if mail.held is Held.GONE:  # its owner has it, whatever the store says
            name = "repeats" if mail.counted else "deposited"
        mail.counted |= name == "deposited"
        self._registry.counters[name] += 1

    def _account(self, mail: Mail, outcome: PutOutcome) -> None:
        counters = self._registry.counters
        counters["evicted"] += self._registry.count_removed(outcome.evicted)
        if outcome.result is PutResult.NO_SPACE:
            self._lose(mail)
            return
        if outcome.result is PutResult.REFUSED:
            # The store holds no copy of it, so what an earlier write promised is over too.
            mail.safe = mail.held is Held.GONE
            self._lose(mail)
            return
        counters["written"] += 1
        change = Removed(
            mail.mailbox.key,
            mail.letter.send_id,
            mail.apart,
            int(outcome.result is PutResult.INSERTED),
            outcome.grown_bytes,
        )
        self._registry.count(mail.mailbox, change, 1)
        mail.stored_seq = outcome.seq
        if mail.held is Held.GONE:
            self.delete(mail.mailbox, [outcome.seq])
            return
        mail.safe = True
        if mail.writes == 0:
            mail.held = Held.STORED
            mail.sealed = b""

    def _lose(self, mail: Mail) -> None:
        if mail.held is Held.WRITING and mail.writes == 0:
            mail.held = Held.STORED if mail.safe else Held.LOST
            mail.sealed = b""

    def delete(self, mailbox: MailboxState, seqs: list[int]) -> None:
        """Delete what the owner has acked."""
        self._effects.apply(DeleteEnvelopes(mailbox.key, tuple(seqs)), self._deleted)

    def _deleted(self, outcome: Outcome | None, _now: float) -> None:
        if isinstance(outcome, RemovedOutcome):
            self._registry.count_removed(outcome.removed)
        else:
            # Still stored: pushed again after the next mail.open, and acked again.
            self._registry.counters["undeleted"] += 1

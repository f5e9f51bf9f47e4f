"""Pushes mail to its collector: in order of sequence, within a window, until it is acked.

Spec: docs/spec/mailbox.md section 5. What waits in the store goes before anything newer;
a push that nobody acks is written after two seconds and pushed again after the lease.
Only an ack from the connection that got the push deletes anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from zentalk.mailbox.commands import Push
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.state import CollectorSession, Held, Letter, Mail, MailboxState
from zentalk.mailbox.storage import CountAttempts, Envelope, Outcome, ReadEnvelopes, ReadOutcome
from zentalk.mailbox.writing import Writing

_LEASE_CHECKS: Final = 4
"""Leases are looked at this many times per lease."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A reading of the store under way; `upto` is the last number used when it began."""

    session: CollectorSession
    read_round: int
    max_bytes: int
    upto: int


class Delivery(CorePart):
    """All sessions' windows; knows which mail is in memory only and for how long."""

    __slots__ = (
        "_check_at",
        "_held",
        "_in_flight_bytes",
        "_reading_bytes",
        "_writing",
    )

    def __init__(self, context: Context, writing: Writing) -> None:
        super().__init__(context)
        self._writing = writing
        self._held: deque[tuple[float, Mail]] = deque()
        self._in_flight_bytes = 0
        self._reading_bytes = 0
        self._check_at: float | None = None

    @property
    def memory_bytes(self) -> int:
        """How much is pushed and not acked, or being read to be pushed."""
        return self._in_flight_bytes + self._reading_bytes

    # --- pushing -------------------------------------------------------------------------

    def push_first(self, mail: Mail, now: float) -> bool:
        """Push new mail from memory if its owner is there and nothing older waits."""
        mailbox = mail.mailbox
        session = mailbox.session
        if session is None or session.reading or mailbox.unpushed_seq > session.cursor:
            return False
        if not self._room(session):
            return False
        mail.held = Held.MEMORY
        self._writing.held_bytes += len(mail.sealed)
        self._held.append((now + self._settings.write_after_seconds, mail))
        self._push(session, mail, mail.sealed, now)
        return True

    def pump(self, mailbox: MailboxState, now: float) -> None:
        """Read from the store what may be pushed next, if anything waits there."""
        session = mailbox.session
        if session is None or session.reading or mailbox.unpushed_seq <= session.cursor:
            return
        room = self._room(session)
        if not room:
            return
        session.reading = True
        self._watch_leases(now)
        # Reserved until it is read: many collectors may come back at the same moment.
        left = self._settings.max_in_flight_bytes - self._in_flight_bytes - self._reading_bytes
        max_bytes = min(self._settings.max_window_bytes - session.in_flight_bytes, max(1, left))
        self._reading_bytes += max_bytes
        hour = self._clock.hour(now)
        operation = ReadEnvelopes(mailbox.key, session.cursor, room, max_bytes, hour)
        # Operations keep their order, so the reading sees all that was given a number by now.
        reading = _Reading(session, session.read_round, max_bytes, mailbox.next_seq - 1)
        self._effects.apply(operation, partial(self._read, reading))

    def _read(self, reading: _Reading, outcome: Outcome | None, now: float) -> None:
        session = reading.session
        mailbox = session.mailbox
        self._reading_bytes -= reading.max_bytes
        if mailbox.session is not session or session.read_round != reading.read_round:
            return
        session.reading = False
        if not isinstance(outcome, ReadOutcome):
            return
        for envelope in outcome.envelopes:
            self._push(session, _stored_mail(mailbox, envelope), envelope.sealed, now)
        if not outcome.more:
            session.cursor = max(session.cursor, reading.upto)
            self._push_what_is_being_written(session, now)
        self.pump(mailbox, now)

    def _push_what_is_being_written(self, session: CollectorSession, now: float) -> None:
        """Push what arrived during a reading that found the end of the mailbox.

        All of it is still in the store's queue, behind the reading. Reading it back would
        find newer mail written meanwhile, and so on for as long as mail comes fast.
        """
        cursor = session.cursor
        new = [
            mail
            for mail in session.mailbox.live.values()
            if mail.seq > cursor and mail.held is Held.WRITING and not mail.in_flight
        ]
        new.sort(key=lambda mail: mail.seq)
        for mail in new:
            if not self._room(session):
                break
            self._push(session, mail, mail.sealed, now)

    def _push(self, session: CollectorSession, mail: Mail, sealed: bytes, now: float) -> None:
        session.in_flight[mail.seq] = mail
        session.in_flight_bytes += mail.size_bytes
        self._in_flight_bytes += mail.size_bytes
        session.cursor = max(session.cursor, mail.seq)
        session.mailbox.live.setdefault(mail.key, mail)
        mail.in_flight = True
        mail.pushed_at = now
        mail.attempts += 1
        self._watch_leases(now)
        self._registry.counters["pushed"] += 1
        letter = mail.letter
        self._effects.emit(
            Push(
                session.collector,
                mail.seq,
                letter.send_id,
                sealed,
                letter.arrived_hour,
                letter.deposit_id,
                mail.stamp,
            )
        )

    def _room(self, session: CollectorSession) -> int:
        """How many more envelopes a session may be pushed now."""
        settings = self._settings
        if session.in_flight_bytes >= settings.max_window_bytes:
            return 0
        if self._in_flight_bytes + self._reading_bytes >= settings.max_in_flight_bytes:
            return 0 if session.in_flight else 1
        return session.window - len(session.in_flight)

    # --- acks and ends -------------------------------------------------------------------

    def acked(self, session: CollectorSession, seqs: Sequence[int], now: float) -> None:
        """Delete what a collector has saved; numbers not in flight to it change nothing."""
        found = [session.in_flight.pop(seq) for seq in seqs if seq in session.in_flight]
        stored = [mail.stored_seq for mail in found if mail.held is Held.STORED]
        for mail in found:
            self._saved(session, mail)
        if stored:
            self._writing.delete(session.mailbox, stored)
        self.pump(session.mailbox, now)

    def _saved(self, session: CollectorSession, mail: Mail) -> None:
        self._leave_flight(session, mail)
        if mail.held is Held.MEMORY:
            self._registry.counters["deposited"] += 1
            self._writing.held_bytes -= len(mail.sealed)
        mail.held = Held.GONE
        mail.safe = True
        mail.sealed = b""
        if session.mailbox.live.get(mail.key) is mail:
            del session.mailbox.live[mail.key]
        self._registry.counters["acknowledged"] += 1

    def _leave_flight(self, session: CollectorSession, mail: Mail) -> None:
        mail.in_flight = False
        session.in_flight_bytes -= mail.size_bytes
        self._in_flight_bytes -= mail.size_bytes

    def take_back(self, session: CollectorSession, now: float) -> None:
        """Keep for the next push what this session has not acked: all of it to the store."""
        tried: list[int] = []
        mails, session.in_flight = session.in_flight, {}
        for mail in mails.values():
            self._leave_flight(session, mail)
            if mail.held is Held.MEMORY:
                self._write_held(mail, now)
            elif mail.held in (Held.STORED, Held.WRITING):
                tried.append(mail.stored_seq)
            mail.forget_if_idle()
        if tried:
            operation = CountAttempts(session.mailbox.key, tuple(tried), self._clock.hour(now))
            self._effects.apply(operation, ignore)

    def _rewind(self, session: CollectorSession, now: float) -> None:
        """Push again everything from the oldest unacked push on."""
        first, last = min(session.in_flight), max(session.in_flight)
        session.read_round += 1
        session.reading = False
        session.cursor = first - 1
        session.mailbox.unpushed_seq = max(session.mailbox.unpushed_seq, last)
        self._registry.counters["leases_ended"] += 1
        self.take_back(session, now)

    # --- time ----------------------------------------------------------------------------

    def passed(self, now: float) -> None:
        """Write what stayed unacked too long and look at the leases."""
        while self._held and self._held[0][0] <= now:
            mail = self._held.popleft()[1]
            if mail.held is Held.MEMORY:
                self._write_held(mail, now)
        if self._check_at is not None and self._check_at <= now:
            self._check_leases(now)

    def _write_held(self, mail: Mail, now: float) -> None:
        self._writing.held_bytes -= len(mail.sealed)
        self._writing.write(mail, now)

    def _watch_leases(self, now: float) -> None:
        if self._check_at is None:
            self._check_at = now + self._settings.lease_seconds / _LEASE_CHECKS

    def _check_leases(self, now: float) -> None:
        self._check_at = None
        for session in self._registry.sessions.values():
            self._watch_leases(now)
            oldest = next(iter(session.in_flight.values()), None)
            if oldest is not None and oldest.pushed_at + self._settings.lease_seconds <= now:
                self._rewind(session, now)
            # Also after a failed reading, which nothing else would repeat.
            self.pump(session.mailbox, now)

    def next_deadline(self) -> float | None:
        """When `passed` has something to do."""
        while self._held and self._held[0][1].held is not Held.MEMORY:
            self._held.popleft()
        write_at = self._held[0][0] if self._held else None
        if write_at is None or self._check_at is None:
            return self._check_at if write_at is None else write_at
        return min(write_at, self._check_at)


def _stored_mail(mailbox: MailboxState, envelope: Envelope) -> Mail:
    letter = Letter(
        envelope.send_id, envelope.deposit_id, envelope.arrived_hour, envelope.expires_hour
    )
    mail = Mail(
        mailbox,
        mailbox.send_ids.get(envelope.send_id),
        letter,
        envelope.seq,
        envelope.sealed,
        Held.STORED,
        work=envelope.work,
        stamp=envelope.stamp,
        attempts=envelope.attempts,
        safe=True,
    )
    mail.sealed = b""  # only its size is needed: the store has it
    return mail

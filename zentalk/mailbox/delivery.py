"""Pushes mail to its collector: in order of sequence, within a window, until it is acked.

Spec: docs/spec/mailbox.md section 5. Contacts' mail and strangers' have an order each, and
strangers' waits for the other. What waits in the store goes before anything newer; a push that
nobody acks is written after two seconds and pushed again after the lease. Only an ack from the
connection that got the push deletes anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from zentalk.mailbox.commands import Push
from zentalk.mailbox.lanes import PushLane
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.state import CollectorSession, Held, Mail, MailboxState
from zentalk.mailbox.storage import CountAttempts, Outcome, ReadEnvelopes, ReadOutcome
from zentalk.mailbox.stored import SINK
from zentalk.mailbox.windows import Windows, stored_mail
from zentalk.mailbox.writing import Writing

_LEASE_CHECKS: Final = 4
"""Leases are looked at this many times per lease."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A reading of the store under way; `upto` is the last number used when it began."""

    session: CollectorSession
    lane: PushLane
    read_round: int
    max_bytes: int
    upto: int


class Delivery(CorePart):
    """All sessions' windows; knows which mail is in memory only and for how long."""

    __slots__ = (
        "_check_at",
        "_held",
        "_windows",
        "_writing",
    )

    def __init__(self, context: Context, writing: Writing) -> None:
        super().__init__(context)
        self._writing = writing
        self._windows = Windows(context)
        self._held: deque[tuple[float, Mail]] = deque()
        self._check_at: float | None = None

    @property
    def memory_bytes(self) -> int:
        """The bytes that are pushed and not acked, or being read to be pushed."""
        return self._windows.in_flight_bytes + self._windows.reading_bytes

    # --- pushing -------------------------------------------------------------------------

    def push_first(self, mail: Mail, now: float) -> bool:
        """Push new mail of a contact from memory if its owner is there and nothing older waits."""
        mailbox = mail.mailbox
        session = mailbox.session
        if session is None or session.contacts.reading or mailbox.waits(session.contacts):
            return False
        if not self._windows.room(session, session.contacts):
            return False
        mail.held = Held.MEMORY
        self._writing.held_bytes += len(mail.sealed)
        self._held.append((now + self._settings.write_after_seconds, mail))
        self._push(session, mail, mail.sealed, now)
        return True

    def pump(self, mailbox: MailboxState, now: float) -> None:
        """Read from the store what may be pushed next: strangers' if no contact's waits there."""
        session = mailbox.session
        if session is None:
            return
        for lane in session.lanes:
            if lane.reading:
                return
            if mailbox.waits(lane):
                room = self._windows.room(session, lane)
                if room > 0:
                    self._start_reading(session, lane, room, now)
                return

    def _start_reading(
        self, session: CollectorSession, lane: PushLane, room: int, now: float
    ) -> None:
        mailbox = session.mailbox
        lane.reading = True
        self._watch_leases(now)
        max_bytes = self._windows.reserve(session, lane)
        hour = self._clock.hour(now)
        operation = ReadEnvelopes(mailbox.key, lane.cursor, room, max_bytes, hour, lane.public)
        # Operations keep their order, so the reading sees all that was given a number by now.
        reading = _Reading(session, lane, lane.read_round, max_bytes, mailbox.next_seq - 1)
        self._effects.apply(operation, partial(self._read, reading))

    def _read(self, reading: _Reading, outcome: Outcome | None, now: float) -> None:
        session, lane = reading.session, reading.lane
        mailbox = session.mailbox
        self._windows.reading_bytes -= reading.max_bytes
        if mailbox.session is not session or lane.read_round != reading.read_round:
            return
        lane.reading = False
        if not isinstance(outcome, ReadOutcome):
            return
        if self._push_stored(session, lane, outcome, now) and not outcome.more:
            lane.cursor = max(lane.cursor, reading.upto)
            self._push_what_is_being_written(session, lane, now)
        self.pump(mailbox, now)

    def _push_stored(
        self, session: CollectorSession, lane: PushLane, outcome: ReadOutcome, now: float
    ) -> bool:
        """Push what was read; False if there was not room for all of it.

        The other order may have taken some of the window since the reading began.
        """
        for envelope in outcome.envelopes:
            if envelope.seq in session.in_flight or lane.is_deferred(envelope.seq):
                lane.cursor = max(lane.cursor, envelope.seq)
            elif self._windows.room(session, lane) > 0:
                self._push(session, stored_mail(session.mailbox, envelope), envelope.sealed, now)
            else:
                return False
        return True

    def _push_what_is_being_written(
        self, session: CollectorSession, lane: PushLane, now: float
    ) -> None:
        """Push what arrived during a reading that found the end of the mailbox.

        All of it is still in the store's queue, behind the reading. Reading it back would
        find newer mail written meanwhile, and so on for as long as mail comes fast.
        """
        cursor = lane.cursor
        new = [
            mail
            for mail in session.mailbox.live.values()
            if mail.seq > cursor and mail.held is Held.WRITING and not mail.in_flight
            if mail.public is lane.public and mail.work != SINK
            if not lane.is_deferred(mail.seq)
        ]
        new.sort(key=lambda mail: mail.seq)
        for mail in new:
            if self._windows.room(session, lane) <= 0:
                break
            self._push(session, mail, mail.sealed, now)

    def _push(self, session: CollectorSession, mail: Mail, sealed: bytes, now: float) -> None:
        self._windows.enter(session, mail)
        lane = session.lane_of(mail)
        lane.cursor = max(lane.cursor, mail.seq)
        session.mailbox.live.setdefault(mail.key, mail)
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

    # --- acks and ends -------------------------------------------------------------------

    def acked(self, session: CollectorSession, seqs: Sequence[int], now: float) -> None:
        """Delete what a collector has saved; numbers not in flight to it change nothing."""
        found = [session.in_flight[seq] for seq in set(seqs) if seq in session.in_flight]
        stored = [mail.stored_seq for mail in found if mail.held is Held.STORED]
        for mail in found:
            self._saved(session, mail)
        if stored:
            self._writing.delete(session.mailbox, stored)
        self.pump(session.mailbox, now)

    def deferred(self, session: CollectorSession, seqs: Sequence[int], now: float) -> None:
        """Keep what a collector has no room for out of its window; only strangers' mail may be."""
        for seq in seqs:
            mail = session.in_flight.get(seq)
            if mail is not None and mail.public:
                self._windows.leave(session, mail)
                session.strangers.defer(seq, now)
                mail.forget_if_idle()
                self._registry.counters["deferred"] += 1
        self.pump(session.mailbox, now)

    def _saved(self, session: CollectorSession, mail: Mail) -> None:
        self._windows.leave(session, mail)
        if mail.held is Held.MEMORY:
            self._registry.counters["deposited"] += 1
            self._writing.held_bytes -= len(mail.sealed)
        mail.held = Held.GONE
        mail.safe = True
        mail.sealed = b""
        if session.mailbox.live.get(mail.key) is mail:
            del session.mailbox.live[mail.key]
        self._registry.counters["acknowledged"] += 1

    def take_back(self, session: CollectorSession, now: float) -> None:
        """Keep for the next push what this session has not acked: all of it to the store."""
        self._take_back(session, list(session.in_flight.values()), now)

    def _take_back(self, session: CollectorSession, mails: list[Mail], now: float) -> None:
        tried: list[int] = []
        for mail in mails:
            self._windows.leave(session, mail)
            if mail.held is Held.MEMORY:
                self._write_held(mail, now)
            elif mail.held in (Held.STORED, Held.WRITING):
                tried.append(mail.stored_seq)
            mail.forget_if_idle()
        if tried:
            operation = CountAttempts(session.mailbox.key, tuple(tried), self._clock.hour(now))
            self._effects.apply(operation, ignore)

    def _rewind(self, session: CollectorSession, mails: list[Mail], now: float) -> None:
        """Push all unacked mail of one order again, from the oldest number on."""
        self._go_back(session, session.lane_of(mails[0]), min(mail.seq for mail in mails))
        self._registry.counters["leases_ended"] += 1
        self._take_back(session, mails, now)

    def _go_back(self, session: CollectorSession, lane: PushLane, first: int) -> None:
        last = lane.go_back(first)
        session.mailbox.leave_unpushed(last, public=lane.public)

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
            for lane in session.lanes:
                flying = session.flying(lane)
                if flying and flying[0].pushed_at + self._settings.lease_seconds <= now:
                    self._rewind(session, flying, now)
            due = session.strangers.take_due(now)
            if due is not None:
                self._go_back(session, session.strangers, min(due, session.strangers.cursor + 1))
            # Also after a failed reading, which nothing else would repeat.
            self.pump(session.mailbox, now)

    def next_deadline(self) -> float | None:
        """Return when `passed` has something to do."""
        while self._held and self._held[0][1].held is not Held.MEMORY:
            self._held.popleft()
        write_at = self._held[0][0] if self._held else None
        if write_at is None or self._check_at is None:
            return self._check_at if write_at is None else write_at
        return min(write_at, self._check_at)

"""Bounds what may be pushed to each collector now, and what is pushed or read for all of them.

Spec: docs/spec/mailbox.md sections 4 and 5. Strangers' mail holds a part of a window only: so an
owner who acks nothing of it still gets what contacts send. Only arithmetic.
"""

from __future__ import annotations

from zentalk.mailbox.lanes import STRANGERS_PART, PushLane
from zentalk.mailbox.part import Context, CorePart
from zentalk.mailbox.state import CollectorSession, Held, Letter, Mail, MailboxState
from zentalk.mailbox.stored import Envelope


class Windows(CorePart):
    """The bytes that are pushed and not acked, and those being read to be pushed."""

    __slots__ = ("in_flight_bytes", "reading_bytes")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.in_flight_bytes = 0
        self.reading_bytes = 0

    def room(self, session: CollectorSession, lane: PushLane) -> int:
        """Return how many more envelopes of one order a session may be pushed; none below 1."""
        settings = self._settings
        if session.in_flight_bytes >= settings.max_window_bytes:
            return 0
        room = session.window - len(session.in_flight)
        if self.in_flight_bytes + self.reading_bytes >= settings.max_in_flight_bytes:
            return 0 if session.flying(lane) else min(room, 1)
        if not lane.public:
            return room
        flying = session.flying(lane)
        size_bytes = sum(mail.size_bytes for mail in flying)
        if size_bytes >= settings.max_window_bytes // STRANGERS_PART:
            return 0
        return min(room, max(1, session.window // STRANGERS_PART) - len(flying))

    def reserve(self, session: CollectorSession, lane: PushLane) -> int:
        """Return how many bytes may be read for a session; they count until they are read.

        Many collectors may come back at the same moment.
        """
        settings = self._settings
        left = settings.max_in_flight_bytes - self.in_flight_bytes - self.reading_bytes
        part_bytes = settings.max_window_bytes // (STRANGERS_PART if lane.public else 1)
        room_bytes = settings.max_window_bytes - session.in_flight_bytes
        max_bytes = min(part_bytes, room_bytes, max(1, left))
        self.reading_bytes += max_bytes
        return max_bytes

    def enter(self, session: CollectorSession, mail: Mail) -> None:
        """Count an envelope that is pushed."""
        session.in_flight[mail.seq] = mail
        session.in_flight_bytes += mail.size_bytes
        self.in_flight_bytes += mail.size_bytes
        mail.in_flight = True

    def leave(self, session: CollectorSession, mail: Mail) -> None:
        """Count an envelope no longer that was acked, deferred or taken back."""
        del session.in_flight[mail.seq]
        session.in_flight_bytes -= mail.size_bytes
        self.in_flight_bytes -= mail.size_bytes
        mail.in_flight = False


def stored_mail(mailbox: MailboxState, envelope: Envelope) -> Mail:
    """Return the record of an envelope that was read from the store."""
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

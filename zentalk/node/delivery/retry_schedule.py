"""When one outbox item is deposited where: pure rules, no clock and no network.

Spec: docs/spec/mailbox.md, "Sending". The first mailbox is used at once; the second as
well when no confirmation came in time. Retries to one relay double from 1 s to 60 s and
stop at its compact ack; after that the item is deposited again once a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.ids import DAY_SECONDS, NodeId

SECOND_RELAY_SECONDS: Final = 2.0
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0
LONGEST_COSTLY_RETRY_SECONDS: Final = 300.0
"""The same where every retry takes proof of work."""
FAILED_RETRY_SECONDS: Final = 0.25
LONGEST_FAILED_RETRY_SECONDS: Final = 2.0
"""After a send that could not even be queued here no packet has left, so trying again is
cheap; and what was written while offline must not fall far behind what is written after."""
ACK_OVERDUE_SECONDS: Final = 8.0
LATELY_SECONDS: Final = 4.0
"""What was sent before that had passed the relay when it went down, as far as one can tell. Of what
nobody confirms more than that would be sent for nothing: it waits long for its ack in any case."""
ROUND_TRIPS: Final = 3
MOST_DOUBTFUL: Final = 8
"""Packets over relays that look dead, to one relay, that do not make the next one wait longer."""
SILENT_SECONDS: Final = 60.0
"""No mailbox has acknowledged what was sent so long ago: the recipient may have others now. What
comes of that, and when, stands in `recipients.RecoveryRequests`."""
SHAPED_SILENT_SECONDS: Final = 600.0
"""The same where all else leaves at ticks, so that a look-up stands out."""


@dataclass(slots=True)
class _Relay:
    next_at: float
    interval: float
    held: bool = False
    tried: bool = False
    failures: int = 0
    doubtful: int = 0
    last_sent: float | None = None


class Schedule:
    """The deposits of one item over the relays of its recipient, in order of preference.

    A `patient` item waits for compact acks alone: nobody will confirm it.
    """

    __slots__ = ("_first_retry", "_first_sent", "_patient", "_relays", "_round_trip", "started_at")

    def __init__(
        self,
        relays: tuple[NodeId, ...],
        now: float,
        round_trip_seconds: float,
        held_by: frozenset[NodeId] = frozenset(),
        *,
        patient: bool = False,
    ) -> None:
        self.started_at = now
        self._round_trip = round_trip_seconds
        self._first_sent: float | None = None
        patience = max(SECOND_RELAY_SECONDS, ROUND_TRIPS * round_trip_seconds)
        first_retry = max(FIRST_RETRY_SECONDS, ROUND_TRIPS * round_trip_seconds)
        if patient:
            patience = first_retry = ACK_OVERDUE_SECONDS + ROUND_TRIPS * round_trip_seconds
        self._first_retry = first_retry
        self._patient = patient
        self._relays = {
            relay: _Relay(next_at=now + place * patience, interval=first_retry)
            for place, relay in enumerate(relays)
        }
        for relay in held_by & self._relays.keys():
            self.held(relay, now)

    def due(self, now: float) -> list[NodeId]:
        """Return the relays to deposit at now."""
        return [relay for relay, state in self._relays.items() if state.next_at <= now]

    def next_deadline(self) -> float:
        """Return when `due` will name a relay."""
        return min(state.next_at for state in self._relays.values())

    def sent(
        self, relay: NodeId, now: float, *, costly: bool = False, doubtful: bool = False
    ) -> None:
        """Note that a packet for `relay` was queued, `costly` if work was done for it.

        If it is `doubtful`, as a relay on its way looks dead, no ack of it says nothing of `relay`.
        """
        state = self._relays[relay]
        state.tried = True
        state.failures = 0
        state.last_sent = now
        if self._first_sent is None:
            self._first_sent = now
        state.next_at = now + state.interval
        longest = LONGEST_COSTLY_RETRY_SECONDS if costly else LONGEST_RETRY_SECONDS
        if doubtful and not costly and state.doubtful < MOST_DOUBTFUL:
            state.doubtful += 1
        else:
            state.interval = min(2 * state.interval, longest)
        if state.held:
            state.next_at = now + DAY_SECONDS

    def failed(self, relay: NodeId, now: float) -> None:
        """Note that nothing could be sent to `relay`; one not tried yet is due at once."""
        state = self._relays[relay]
        state.tried = True
        state.failures += 1
        wait = FAILED_RETRY_SECONDS * 2 ** min(state.failures - 1, 8)
        state.next_at = now + min(wait, LONGEST_FAILED_RETRY_SECONDS)
        self._hurry_others(now)

    def put_off(self, relay: NodeId, until: float, now: float) -> None:
        """Note that `relay` takes nothing of us before; one not tried yet is due at once."""
        state = self._relays[relay]
        state.tried = True
        state.next_at = until
        self._hurry_others(now)

    def ready(self, relay: NodeId, now: float) -> None:
        """Note that `relay` may be tried again, unless it holds the item."""
        state = self._relays.get(relay)
        if state is not None and not state.held:
            state.next_at = min(state.next_at, now)

    def lost(self, relay: NodeId, now: float) -> bool:
        """Note that what was sent to `relay` is lost; False if it holds the item all the same.

        Retries wait ever longer because nothing is known; here the cause is known and over.
        """
        state = self._relays.get(relay)
        if state is None or state.held or state.last_sent is None:
            return False
        if self._patient and now - state.last_sent > LATELY_SECONDS:
            return False
        state.interval = self._first_retry
        state.next_at = min(state.next_at, now)
        return True

    def _hurry_others(self, now: float) -> None:
        for other in self._relays.values():
            if not other.tried:
                other.next_at = min(other.next_at, now)

    def held(self, relay: NodeId, now: float) -> None:
        """Note a compact ack: this relay holds the item."""
        state = self._relays.get(relay)
        if state is not None:
            state.held = True
            state.next_at = now + DAY_SECONDS

    def ack_overdue(self, relay: NodeId, now: float) -> bool:
        """Tell whether an ack of `relay` is missing for longer than it can take."""
        state = self._relays[relay]
        patience = ACK_OVERDUE_SECONDS + ROUND_TRIPS * self._round_trip
        return not state.held and state.last_sent is not None and now - self.started_at > patience

    def is_silent(self, now: float, seconds: float) -> bool:
        """Tell whether deposits left so long ago and no relay has acknowledged any of them."""
        if self._first_sent is None or any(state.held for state in self._relays.values()):
            return False
        return now - self._first_sent >= seconds

    def needed_second(self, now: float) -> bool:
        """Tell whether the item waited so long that the second relay was used as well."""
        return now - self.started_at > max(SECOND_RELAY_SECONDS, ROUND_TRIPS * self._round_trip)

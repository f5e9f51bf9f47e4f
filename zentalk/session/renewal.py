"""Several ratchets of one contact: which one sends, which receive, when to make another.

Pure bookkeeping over names of ratchets; no key passes through here. Offer a ratchet to
a set only after its first envelope has decrypted and its sender is the pinned identity
of the contact: nothing here checks that again. Spec: docs/spec/end-to-end.md section 8.

    a new ratchet          sends                                    receives
    initiated by us        once the peer has answered in it, or     at once
                           while there is no other one
    initiated by the peer  at once, if no confirmed one ranks       at once
                           above it

Rank is (term, generation, lower identity key initiated it): when both sides renew at once,
both end in the same ratchet. A generation must be above those of all confirmed
ratchets of its term, or equal to the highest one but initiated by the other side. The term is
that of the peer's node: one that the peer has promoted ranks above the one before, whatever
that one still does. A ratchet that no longer sends goes on receiving for the longest time to live.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from zentalk.errors import LocalProtocolError
from zentalk.lifetimes import RETIRED_RATCHET_SECONDS
from zentalk.wire.ratchet import MAX_UINT32

MAX_SESSIONS: Final = 8
"""Ratchets kept per contact; beyond it the lowest ranks go, so that no contact fills the disk."""
RENEW_AFTER_ENVELOPES: Final = 3
RENEW_INTERVAL_SECONDS: Final = 3_600.0
RENEW_INTERVAL_MAX_SECONDS: Final = 24 * 3_600.0
RENEW_QUIET_SECONDS: Final = 48 * 3_600.0
"""After so long without a renewal, the interval starts over."""


@dataclass(frozen=True, slots=True)
class RatchetSummary:
    """One ratchet of a contact, by name.

    `confirmed` says that the peer has proved to hold its keys; `superseded_at` is when
    another one took over sending (seconds), None while it could send. `term` is that of the
    peer's node.
    """

    generation: int
    initiator: bytes
    ratchet_id: bytes
    confirmed: bool
    superseded_at: float | None = None
    term: int = 0

    @property
    def age(self) -> tuple[int, int]:
        """What a later ratchet is above."""
        return self.term, self.generation


class RatchetVerdict(Enum):
    """The decision about a ratchet that the peer initiated."""

    SENDS = "sends"
    RECEIVES = "receives"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SessionSet:
    """All ratchets of one contact; `own` and `peer` are 32-byte identity keys."""

    own: bytes
    peer: bytes
    sessions: tuple[RatchetSummary, ...] = ()

    def next_generation(self, now: float) -> int:
        """Return the generation for a ratchet that we initiate now (unix seconds).

        It follows the clock: a side that has lost its ratchets does not know which
        generations the other one has seen, and must be above them all the same.
        """
        known = max((one.generation for one in self.sessions), default=0)
        return min(max(known + 1, int(now)), MAX_UINT32)

    def initiated(
        self, ratchet_id: bytes, generation: int, now: float, term: int = 0
    ) -> SessionSet:
        """Add a ratchet that we initiated; it is not confirmed yet.

        Raises LocalProtocolError if the generation is not above those that are known.
        """
        if any(generation <= one.generation < MAX_UINT32 for one in self.sessions):
            raise LocalProtocolError("a new ratchet needs the next generation")
        fresh = RatchetSummary(generation, self.own, ratchet_id, confirmed=False, term=term)
        return self._with((*self.sessions, fresh), now)

    def offered(
        self, ratchet_id: bytes, generation: int, now: float, term: int = 0
    ) -> tuple[SessionSet, RatchetVerdict]:
        """Judge a ratchet that the peer initiated and whose first envelope decrypted."""
        fresh = RatchetSummary(generation, self.peer, ratchet_id, confirmed=True, term=term)
        if not self._is_new(fresh):
            return self, RatchetVerdict.REFUSED
        after = self._with((*self.sessions, fresh), now)
        sends = after.sending()
        is_sending = sends is not None and sends.ratchet_id == ratchet_id
        return after, RatchetVerdict.SENDS if is_sending else RatchetVerdict.RECEIVES

    def confirmed(self, ratchet_id: bytes, now: float) -> SessionSet:
        """Note that an envelope of the peer has decrypted in a ratchet."""
        known = {one.ratchet_id: one for one in self.sessions}
        if ratchet_id not in known or known[ratchet_id].confirmed:
            return self
        known[ratchet_id] = replace(known[ratchet_id], confirmed=True)
        return self._with(tuple(known.values()), now)

    def sending(self) -> RatchetSummary | None:
        """Return the ratchet to encrypt with, None if there is none at all."""
        confirmed = [one for one in self.sessions if one.confirmed]
        return max(confirmed or self.sessions, key=self._rank, default=None)

    def receiving(self) -> tuple[RatchetSummary, ...]:
        """Return the ratchets to try an envelope with, the most likely one first."""
        return tuple(sorted(self.sessions, key=self._rank, reverse=True))

    def expired(self, now: float) -> SessionSet:
        """Drop what has been superseded for the longest time to live; its keys may be deleted."""
        kept = tuple(one for one in self.sessions if not _is_over(one, now))
        return self if kept == self.sessions else replace(self, sessions=kept)

    def next_deadline(self) -> float | None:
        """Return when `expired` has something to do."""
        ends = [
            one.superseded_at + RETIRED_RATCHET_SECONDS
            for one in self.sessions
            if one.superseded_at is not None
        ]
        return min(ends, default=None)

    def _rank(self, one: RatchetSummary) -> tuple[tuple[int, int], bool]:
        return one.age, one.initiator == min(self.own, self.peer)

    def _is_new(self, fresh: RatchetSummary) -> bool:
        if any(one.ratchet_id == fresh.ratchet_id for one in self.sessions):
            return False
        highest = max((one.age for one in self.sessions if one.confirmed), default=(0, 0))
        if fresh.age != highest:
            return fresh.age > highest
        rivals = {one.initiator for one in self.sessions if one.age == highest}
        return fresh.generation > 0 and fresh.initiator not in rivals

    def _with(self, sessions: tuple[RatchetSummary, ...], now: float) -> SessionSet:
        """Mark what a change has superseded, and keep at most MAX_SESSIONS."""
        draft = replace(self, sessions=sessions)
        sends = draft.sending()
        marked = tuple(
            replace(one, superseded_at=now)
            if one.superseded_at is None and sends is not None and self._is_below(one, sends)
            else one
            for one in draft.receiving()
        )
        return replace(self, sessions=_kept(marked))

    def _is_below(self, one: RatchetSummary, sends: RatchetSummary) -> bool:
        return sends.confirmed and self._rank(one) < self._rank(sends)


def _kept(ranked: tuple[RatchetSummary, ...]) -> tuple[RatchetSummary, ...]:
    """Keep at most MAX_SESSIONS of those given, the highest rank first.

    Of our own that were never answered only the newest is sure of its place: a contact who
    is away must not cost us the ratchet that works.
    """
    unanswered = [one for one in ranked if not one.confirmed][1:]
    rest = [one for one in ranked if one not in unanswered]
    kept = {one.ratchet_id for one in (*rest, *unanswered)[:MAX_SESSIONS]}
    return tuple(one for one in ranked if one.ratchet_id in kept)


def _is_over(one: RatchetSummary, now: float) -> bool:
    return one.superseded_at is not None and now >= one.superseded_at + RETIRED_RATCHET_SECONDS


@dataclass(frozen=True, slots=True)
class RenewalLimit:
    """Decides when a contact's ratchet counts as broken, and how often to replace it.

    `undecryptable` holds at most 3 hashes: a flood of forged envelopes costs no memory
    and, at one renewal an hour doubling to one a day, little else.
    """

    undecryptable: frozenset[bytes] = frozenset()
    interval_seconds: float = RENEW_INTERVAL_SECONDS
    last_renewal: float | None = None

    def failed(self, envelope_hash: bytes) -> RenewalLimit:
        """Note an envelope that no ratchet of the contact could read."""
        if len(self.undecryptable) >= RENEW_AFTER_ENVELOPES:
            return self
        return replace(self, undecryptable=self.undecryptable | {envelope_hash})

    def read(self) -> RenewalLimit:
        """Note that the newest ratchet works: what failed before was of an older one."""
        return replace(self, undecryptable=frozenset()) if self.undecryptable else self

    def due_at(self, now: float) -> float | None:
        """Return when a new ratchet should be made (unix seconds); None if none is needed.

        `now` is for a clock that was set back: what lies ahead of it does not count.
        """
        if len(self.undecryptable) < RENEW_AFTER_ENVELOPES:
            return None
        return self.allowed_at(now)

    def allowed_at(self, now: float) -> float:
        """Return from when on a new ratchet may be made."""
        if self.last_renewal is None or self.last_renewal > now:
            return now
        return max(now, self.last_renewal + self.interval_seconds)

    def due(self, now: float) -> bool:
        """Tell whether a new ratchet should be made now."""
        return self.due_at(now) == now

    def renewed(self, now: float) -> RenewalLimit:
        """Note that a new ratchet was initiated; the next one has to wait longer."""
        quiet = self.last_renewal is None or now >= self.last_renewal + RENEW_QUIET_SECONDS
        doubled = min(2 * self.interval_seconds, RENEW_INTERVAL_MAX_SECONDS)
        interval = RENEW_INTERVAL_SECONDS if quiet else doubled
        return RenewalLimit(interval_seconds=interval, last_renewal=now)

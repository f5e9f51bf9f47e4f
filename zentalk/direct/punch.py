"""One session: the search for a path, its keepalives, and the search for another when it dies.

Spec: docs/spec/direct.md section 4. A place is *proved* when it answered a probe of ours. The
client asks a proved place to be the path (USE); the server agrees, by answering, where it has
proved that place as well. So both have sent and received there, and both know which path it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.direct.asked import AskedProbe, AskedProbes
from zentalk.direct.freshness import FreshNumbers, Transactions
from zentalk.direct.path_check import KEEPALIVE_SECONDS, PathCheck
from zentalk.direct.places import Subnet, may_be_probed
from zentalk.direct.reasons import WhyNot, why_not
from zentalk.direct.seals import ProbeSeals
from zentalk.direct.search import (
    MAX_PROBES,
    SEARCH_AGAIN_SECONDS,
    SEARCH_SECONDS,
    SearchRounds,
    TargetPlaces,
)
from zentalk.direct.survey import Sending
from zentalk.wire.direct import DirectOffer, ProbeKind
from zentalk.wire.ip_address import Place

PROVED_SECONDS: Final = 20.0
"""The time for which an answer proves a place: longer than from one keepalive to the next."""
USE_RETRY_SECONDS: Final = 0.25
ANSWERS_A_SECOND: Final = 64
"""Answers to the other's probes: all places of a search, four times."""


class Punch:
    """One session, from both offers; `path` is where the other side is, once that is known.

    `subnets` are those of our own addresses. `now` is monotonic seconds. Raises as `ProbeSeals`.
    """

    def __init__(
        self,
        own: DirectOffer,
        theirs: DirectOffer,
        subnets: Iterable[Subnet],
        entropy: Entropy,
        now: float,
    ) -> None:
        self._seals = ProbeSeals(own, theirs)
        self._subnets = tuple(subnets)
        offered = [place for _, place in theirs.candidates if self._may_go(place)]
        self._targets = TargetPlaces(offered)
        self._offers = (own, theirs)
        self._transactions = Transactions(entropy)
        self._fresh = FreshNumbers()
        self._asked = AskedProbes()
        self._proved: dict[Place, float] = {}
        self._answers = (0, 0)
        self._probes_left = MAX_PROBES
        self._refill_at = now
        self._heard = self._answered = False
        self._check: PathCheck | None = None
        self._rounds: SearchRounds | None = SearchRounds(now, SEARCH_SECONDS)
        self.path: Place | None = None
        """The place of the other side; None while it is searched for."""
        self.why_not: WhyNot | None = None
        """The reason for which there is no path, once nothing more will be tried."""

    @property
    def is_client(self) -> bool:
        """Whether we open what runs over the path."""
        return self._seals.is_client

    @property
    def tag(self) -> bytes:
        """The 8 bytes by which probes of this session are told from those of others."""
        return self._seals.tag

    @property
    def next_at(self) -> float | None:
        """The time to call `wake` next; None once it has failed."""
        if self.why_not is not None:
            return None
        times = [] if self._check is None else [self._check.next_at]
        if self._rounds is not None:
            times += [self._rounds.next_at, self._rounds.ends_at]
        return min(times)

    def wake(self, now: float) -> list[Sending]:
        """Do what is due, and return what to send."""
        if self.why_not is not None:
            return []
        if self._check is not None and self._check.is_dead(now):
            self._give_up(self._check, now)
        sending: list[Sending] = []
        if self._rounds is not None:
            if now >= self._rounds.ends_at:
                self._fail()
                return []
            if self._rounds.take(now):
                sending += [
                    one for place in self._targets for one in self._ask(ProbeKind.ASK, place, now)
                ]
        if self._check is not None and self._check.take(now):
            if self._rounds is None and now >= self._refill_at:
                self._probes_left = MAX_PROBES
                self._refill_at = now + KEEPALIVE_SECONDS
            kind = ProbeKind.USE if self.is_client else ProbeKind.ASK
            sending += self._ask(kind, self._check.place, now)
        return sending

    def receive(self, data: bytes, source: Place, now: float) -> list[Sending]:
        """Take in a datagram, and return what to send; one that is not the contact's is nothing."""
        probe = self._seals.read(data)
        if probe is None or self.why_not is not None:
            return []
        if probe.kind is ProbeKind.ANSWER:
            asked = self._asked.take(probe.transaction, source)
            if asked is not None:
                self._note_answer(asked, now)
            return self.wake(now)
        if not self._may_go(source):
            return []
        if not self._fresh.take(probe.transaction, source, is_known=source in self._targets):
            return []
        self._heard = True
        self._targets.learn(source)
        sending = self._answer(probe.kind, probe.transaction, source, now)
        if not self._is_proved(source, now) and self._targets.is_due(source, now):
            sending += self._ask(ProbeKind.ASK, source, now)
        return [*sending, *self.wake(now)]

    def _may_go(self, place: Place) -> bool:
        return may_be_probed(place, self._subnets)

    def _is_proved(self, place: Place, now: float) -> bool:
        return now - self._proved.get(place, -PROVED_SECONDS) < PROVED_SECONDS

    def _ask(self, kind: ProbeKind, place: Place, now: float) -> Sequence[Sending]:
        if place != self.path:  # its own checks have times of their own
            if not self._probes_left:
                return ()
            self._probes_left -= 1
        transaction = self._transactions.draw()
        self._asked.add(transaction, kind, place)
        self._targets.asked(place, now)
        return ((self._seals.make(kind, transaction), place),)

    def _answer(
        self, kind: ProbeKind, transaction: bytes, source: Place, now: float
    ) -> list[Sending]:
        """Answer a fresh probe; to USE only by agreeing, and the client never agrees."""
        if self.is_client:
            if self.path is not None and self._check is not None:
                # The other side may be searching because our path died for it alone.
                self._check.hurry(now)
        elif kind is ProbeKind.USE and source != self.path:
            if not self._is_proved(source, now):
                return []
            self._use(source, now)
        second, count = self._answers
        if second != int(now):
            second, count = int(now), 0
        self._answers = (second, count + 1)
        if count >= ANSWERS_A_SECOND:
            return []
        return [(self._seals.make(ProbeKind.ANSWER, transaction), source)]

    def _note_answer(self, asked: AskedProbe, now: float) -> None:
        self._proved[asked.place] = now
        self._answered = True
        if self._rounds is None:
            if self._check is not None and asked.place == self._check.place:
                self._check.answered(now)
        elif not self.is_client:
            return
        elif self._check is None:
            self._check = PathCheck(asked.place, now, USE_RETRY_SECONDS)
        elif asked == (ProbeKind.USE, self._check.place):
            self._use(asked.place, now)

    def _use(self, place: Place, now: float) -> None:
        """Let this be the path from now on."""
        self.path = place
        self._rounds = None
        self._check = PathCheck(place, now + KEEPALIVE_SECONDS)
        self._refill_at = now + KEEPALIVE_SECONDS

    def _give_up(self, check: PathCheck, now: float) -> None:
        """Leave a place that does not answer: search, or go on with another that did."""
        self._proved.pop(check.place, None)
        self._check = None
        if self._rounds is None:
            self.path = None
            self._heard = self._answered = False
            self._targets.learn(check.place)
            self._rounds = SearchRounds(now, SEARCH_AGAIN_SECONDS)
            return
        other = next((place for place in self._proved if self._is_proved(place, now)), None)
        if other is not None:
            self._check = PathCheck(other, now, USE_RETRY_SECONDS)

    def _fail(self) -> None:
        has_targets = any(True for _ in self._targets)
        self._rounds = self._check = None
        self.why_not = why_not(
            *self._offers,
            is_any_probed=has_targets,
            was_heard=self._heard,
            is_answered=self._answered,
        )

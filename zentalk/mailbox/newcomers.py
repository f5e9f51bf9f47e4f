"""Decides who gets a new mailbox, and for how much work: a turn every two minutes, some saved up.

Spec: docs/spec/mailbox.md section 15. No address is seen here, so there is no share for each
stranger: work decides whose turn it is when more ask than there are turns. It must never decide
about a mailbox that exists, and nothing is taken from anybody to make room.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Final, NamedTuple

from zentalk.ids import NodeId
from zentalk.mailbox.commands import Refuse, Respond
from zentalk.mailbox.events import Admittance, Collector, OpenRequested, PriceRequested
from zentalk.mailbox.part import Context, CorePart, ignore
from zentalk.mailbox.settings import HOUR_SECONDS
from zentalk.mailbox.storage import KeepTurns
from zentalk.mailbox.stored import TurnsTaken
from zentalk.mailbox.work import mailbox_worth

WORK: Final = "work"
"""The refusal of whoever has not done enough work for a new mailbox."""
FULL: Final = "full"
ACCESS: Final = "access"
"""The refusal of whoever has no access token where one is needed."""


class TurnDecision(Enum):
    """The decision about somebody who asks for a new mailbox."""

    TURN = "turn"
    """It may be made now; a stranger's turn is taken."""
    WAITS = "waits"
    """It has the most work so far, and waits for the end of this turn."""
    REFUSED = "refused"
    """The refusal is on its way."""


class _Bid(NamedTuple):
    event: OpenRequested
    bits: int


class Newcomers(CorePart):
    """The turns of one relay; `taken` are those that are not saved up again."""

    __slots__ = ("_best", "_relay", "_taken", "_taken_at")

    def __init__(self, context: Context, relay: NodeId, taken: TurnsTaken, now: float) -> None:
        super().__init__(context)
        self._relay = relay
        self._best: _Bid | None = None
        hours = max(0, self._clock.hour(now) - taken.hour)
        self._taken = min(
            float(self._settings.saved_turns),
            max(0.0, taken.turns - hours * HOUR_SECONDS / self._settings.turn_seconds),
        )
        self._taken_at = now

    def price_requested(self, event: PriceRequested, now: float) -> None:
        """Tell the price: nothing for those who hold a token, and nobody else where one is needed.

        Whoever compares relays is not to be drawn to one that would refuse the mailbox.
        """
        if event.admittance is Admittance.UNINVITED:
            self._effects.emit(Refuse(event.ticket, ACCESS))
        else:
            price = 0 if event.admittance is Admittance.HOLDER else self.price(now)
            self._effects.emit(Respond(event.ticket, price))

    def price(self, now: float) -> int:
        """Return the bits of work that a new mailbox takes now, 0 for none."""
        settings = self._settings
        if self._best is not None:
            return self._best.bits + 1
        half = settings.saved_turns / 2
        beyond = self._taken_now(now) - half
        if beyond < 0:
            return 0
        steps = settings.full_mailbox_bits - settings.mailbox_bits + 1
        return min(settings.mailbox_bits + int(steps * beyond / half), settings.full_mailbox_bits)

    def ask(self, event: OpenRequested, now: float) -> TurnDecision:
        """Decide about a request for a mailbox that does not exist."""
        if self._registry.mailbox_count >= self._settings.max_mailboxes:
            return self._refuse(event, FULL)
        if event.admittance is Admittance.UNINVITED:
            return self._refuse(event, ACCESS)
        if event.admittance is Admittance.HOLDER:
            self._registry.counters["mailboxes_made"] += 1
            return TurnDecision.TURN
        bits = mailbox_worth(self._relay, event.mailbox, event.stamp, self._clock.day(now))
        if bits < self.price(now):
            return self._refuse(event, WORK)
        if self._best is None and self._turn_at() <= now:
            self._take(now)
            return TurnDecision.TURN
        if self._best is not None:
            self._refuse(self._best.event, WORK)
        self._best = _Bid(event, bits)
        return TurnDecision.WAITS

    def waits(self, collector: Collector) -> bool:
        """Whether a connection has asked and waits for the end of a turn."""
        return self._best is not None and self._best.event.collector == collector

    def lost(self, collector: Collector) -> None:
        """Let a connection that ended wait no longer."""
        if self.waits(collector):
            self._best = None

    def next_deadline(self) -> float | None:
        """Return when the turn comes that somebody waits for."""
        return None if self._best is None else self._turn_at()

    def passed(self, now: float) -> OpenRequested | None:
        """Return whose turn has come; it is taken with this."""
        if self._best is None or self._turn_at() > now:
            return None
        event, self._best = self._best.event, None
        self._take(now)
        return event

    def _refuse(self, event: OpenRequested, reason: str) -> TurnDecision:
        self._registry.counters[f"mailboxes_refused_{reason}"] += 1
        self._effects.emit(Refuse(event.ticket, reason))
        return TurnDecision.REFUSED

    def _taken_now(self, now: float) -> float:
        return max(0.0, self._taken - (now - self._taken_at) / self._settings.turn_seconds)

    def _turn_at(self) -> float:
        """Return since when there is a turn, or when there will be one."""
        missing = self._taken - (self._settings.saved_turns - 1)
        return self._taken_at + max(0.0, missing) * self._settings.turn_seconds

    def _take(self, now: float) -> None:
        self._taken, self._taken_at = self._taken_now(now) + 1, now
        self._registry.counters["mailboxes_made"] += 1
        taken = TurnsTaken(math.ceil(self._taken), self._clock.hour(now))
        self._effects.apply(KeepTurns(taken), ignore)

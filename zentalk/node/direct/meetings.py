"""Who is called when, and who of two that call each other at once is answered.

Nothing here waits, and the time comes from callers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Final

import trio

from zentalk.crypto.types import Entropy
from zentalk.ids import UserAddress
from zentalk.net.backoff import half_jitter
from zentalk.node.messages.effects import UNNUMBERED
from zentalk.wire.direct import SESSION_BYTES, DirectOffer

FIRST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 1800.0
AFTER_END_SECONDS: Final = 1.0
"""Both sides miss a line that ended: it is looked for again at once."""
HALVINGS_AFTER_LINE: Final = 3
"""The first pause after a line that ended is halved so often: there was a path just now, and what
took it, such as another address of one of the two, may be over in seconds."""
LEAST_BETWEEN_SECONDS: Final = 10.0
"""Between two tries that lead to a line: a contact may end lines as soon as they stand."""
CROSSED_SECONDS: Final = 30.0
"""A call that crossed another one comes within this time, or not at all."""
CALLEE_SECONDS: Final = 5.0
"""Of two who hear each other, one calls at once, and the other only if nobody called."""
OVERTAKEN_SECONDS: Final = 300.0
"""How long an offer that is older than another one is known as such. Not for ever: the clock by
which its author numbers offers may have been set back since."""
ANSWER_PAUSE_SECONDS: Final = 5.0
"""A contact's calls are answered no more often than this: each answer is a message."""


class Meeting:
    """One try to reach a contact; `scope` ends it, `answered` is set with `theirs`."""

    def __init__(self, session: bytes, theirs: DirectOffer | None, began_at: float) -> None:
        self.session = session
        self.theirs = theirs
        self.began_at = began_at
        self.scope = trio.CancelScope()
        self.answered = trio.Event()
        if theirs is not None:
            self.answered.set()


class _Trials:
    """The calls of one contact: when the last ones were, and what came of them."""

    def __init__(self) -> None:
        self.next_at = 0.0
        self.began_at = -FIRST_PAUSE_SECONDS
        self.answered_at = -ANSWER_PAUSE_SECONDS
        self.newest = 0
        """The number of their newest offer, which came at `newest_at`."""
        self.newest_at = -OVERTAKEN_SECONDS
        self.failures = 0
        """Those in a row, from less than 0 on after a line."""
        self.why = ""


class Meetings:
    """The tries of all contacts. `is_caller` tells whether we call a contact first."""

    def __init__(self, entropy: Entropy, is_caller: Callable[[UserAddress], bool]) -> None:
        self._entropy = entropy
        self._is_caller = is_caller
        self._open: dict[UserAddress, Meeting] = {}
        self._trials: dict[UserAddress, _Trials] = {}

    def why_not(self, contact: UserAddress) -> str:
        """Return why the last try failed; empty if it did not, or there was none."""
        trials = self._trials.get(contact)
        return "" if trials is None else trials.why

    def forget_others(self, agreed: Collection[UserAddress]) -> None:
        """End what goes on with others than these, and forget them."""
        for contact in self._trials.keys() - agreed:
            del self._trials[contact]
            meeting = self._open.pop(contact, None)
            if meeting is not None:
                meeting.scope.cancel()

    def heard(self, contact: UserAddress, now: float) -> None:
        """A contact is there: let it be called soon, unless it was a moment ago."""
        trials = self._trials_of(contact, now)
        if now - trials.began_at >= FIRST_PAUSE_SECONDS:
            pause = 0.0 if self._is_caller(contact) else CALLEE_SECONDS
            trials.next_at = min(trials.next_at, now + pause)

    def next_at(self, contacts: Iterable[UserAddress]) -> float:
        """Return when one of these contacts is to be called next; infinity if none is."""
        called = self._trials.keys() - self._open.keys()
        waiting = [self._trials[one].next_at for one in contacts if one in called]
        return min(waiting, default=math.inf)

    def is_due(self, contact: UserAddress, now: float) -> bool:
        """Tell whether to call a contact now."""
        return contact not in self._open and now >= self._trials_of(contact, now).next_at

    def is_overtaken(self, contact: UserAddress, number: int, now: float) -> bool:
        """Tell whether a newer offer than this one has come before; note this one if not."""
        trials = self._trials_of(contact, now)
        if number == UNNUMBERED:
            return False
        if number < trials.newest and now - trials.newest_at < OVERTAKEN_SECONDS:
            return True
        trials.newest, trials.newest_at = number, now
        return False

    def take_answer(self, contact: UserAddress, theirs: DirectOffer) -> bool:
        """Take an offer that answers ours; False if it does not."""
        meeting = self._open.get(contact)
        if meeting is None or meeting.session != theirs.session:
            return False
        if meeting.theirs is None:
            meeting.theirs = theirs
            meeting.answered.set()
        return True

    def may_answer(self, contact: UserAddress, theirs: DirectOffer, now: float) -> bool:
        """Tell whether to answer a call: of two calls at once the one with the smaller session.

        It may come after the answer to ours, by another way: who sent it has let go of it.
        """
        meeting = self._open.get(contact)
        if (
            meeting is not None
            and meeting.session < theirs.session
            and now - meeting.began_at < CROSSED_SECONDS
        ):
            return False
        return now - self._trials_of(contact, now).answered_at >= ANSWER_PAUSE_SECONDS

    def begin(self, contact: UserAddress, theirs: DirectOffer | None, now: float) -> Meeting:
        """Return a new try, an answer if there is an offer; an earlier one ends."""
        earlier = self._open.pop(contact, None)
        if earlier is not None:
            earlier.scope.cancel()
        trials = self._trials_of(contact, now)
        trials.began_at = now
        if theirs is not None:
            trials.answered_at = now
        session = self._entropy(SESSION_BYTES) if theirs is None else theirs.session
        meeting = self._open[contact] = Meeting(session, theirs, now)
        return meeting

    def ended(
        self, contact: UserAddress, meeting: Meeting, now: float, *, used: bool, why: str
    ) -> None:
        """Plan the next call; nothing if another try has begun meanwhile."""
        if self._open.get(contact) is not meeting:
            return
        del self._open[contact]
        trials = self._trials_of(contact, now)
        trials.why = why
        trials.failures = -HALVINGS_AFTER_LINE if used else trials.failures + 1
        if used:
            earliest = meeting.began_at + LEAST_BETWEEN_SECONDS
            trials.next_at = max(now + AFTER_END_SECONDS, earliest)
            return
        trials.next_at = now + half_jitter(
            trials.failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, self._entropy
        )

    def _trials_of(self, contact: UserAddress, now: float) -> _Trials:
        trials = self._trials.get(contact)
        if trials is None:
            trials = self._trials[contact] = _Trials()
            trials.next_at = now if self._is_caller(contact) else now + CALLEE_SECONDS
        return trials

"""Of two who call each other at once one session is left, whatever comes first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.node.direct.support import ALICE, BOB, offer
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.node.direct import meetings as module
from zentalk.node.direct.meetings import (
    AFTER_END_SECONDS,
    ANSWER_PAUSE_SECONDS,
    CALLEE_SECONDS,
    CROSSED_SECONDS,
    FIRST_PAUSE_SECONDS,
    LEAST_BETWEEN_SECONDS,
    LONGEST_PAUSE_SECONDS,
    OVERTAKEN_SECONDS,
    Meeting,
    Meetings,
)
from zentalk.wire.direct import DirectOffer


def meetings(*, is_caller: bool = True, seed: bytes = b"seed") -> Meetings:
    return Meetings(seeded_entropy(seed), lambda _contact: is_caller)


class Side:
    """One of two nodes: what it does with offers, as the service does it."""

    def __init__(self, seed: bytes) -> None:
        self.meetings = meetings(seed=seed)
        self.mail: list[DirectOffer] = []
        """On its way to the other one."""
        self.meeting: Meeting | None = None
        self.own: DirectOffer | None = None

    def call(self, now: float = 0.0) -> None:
        if self.meetings.is_due(BOB, now):
            self._begin(None, now)

    def takes(self, theirs: DirectOffer, now: float = 0.0) -> None:
        if self.meetings.take_answer(BOB, theirs):
            return
        if self.meetings.may_answer(BOB, theirs, now):
            self._begin(theirs, now)

    def line_ends(self, now: float) -> None:
        assert self.meeting is not None
        self.meetings.ended(BOB, self.meeting, now, used=True, why="")

    def _begin(self, theirs: DirectOffer | None, now: float) -> None:
        self.meeting = self.meetings.begin(BOB, theirs, now)
        self.own = offer(self.meeting.session)
        self.mail.append(self.own)


def is_ended(meeting: Meeting) -> bool:
    """Whether a try was cancelled; only trio can tell."""

    async def ask() -> bool:
        await trio.lowlevel.checkpoint()
        return meeting.scope.cancel_called

    return trio.run(ask)


def agree(one: Side, other: Side) -> bool:
    """Whether both hold the same session, and each the offer that the other one goes by."""
    assert one.meeting is not None
    assert other.meeting is not None
    return (
        one.meeting.session == other.meeting.session
        and one.meeting.theirs == other.own
        and other.meeting.theirs == one.own
        and not is_ended(one.meeting)
        and not is_ended(other.meeting)
    )


def play(one: Side, other: Side, choices: Sequence[int]) -> None:
    """Let things happen in an order: calls, and arrivals of whatever is on its way."""
    to_call = [one, other]
    for choice in (*choices, *([0] * 8)):
        ways = [(side, mate, at) for side, mate in ((one, other), (other, one))
                for at in range(len(side.mail))]  # fmt: skip
        chosen = choice % (len(to_call) + len(ways) or 1)
        if chosen < len(to_call):
            to_call.pop(chosen).call()
        elif ways:
            side, mate, at = ways[chosen - len(to_call)]
            mate.takes(side.mail.pop(at))
    assert not to_call
    assert not one.mail
    assert not other.mail


ORDERS = st.lists(st.integers(0, 5), max_size=8)


@given(ORDERS, st.binary(max_size=2), st.binary(max_size=2))
def test_of_two_calls_at_once_one_session_is_left_in_any_order(
    choices: list[int], seed: bytes, other_seed: bytes
) -> None:
    one, other = Side(b"one" + seed), Side(b"other" + other_seed)
    play(one, other, choices)
    assert agree(one, other)


def crossing() -> tuple[Side, Side]:
    """Two who have called each other at once; the first has the smaller session."""
    sides = Side(b"one"), Side(b"other")
    for side in sides:
        side.call()
    one, other = sorted(sides, key=lambda side: side.own.session if side.own else b"")
    return one, other


def answer_comes_before_the_call(one: Side, other: Side) -> None:
    other.takes(one.mail.pop())
    lost, answer = other.mail
    one.takes(answer)
    one.takes(lost)
    for answer in one.mail:
        other.takes(answer)


def test_a_call_that_comes_after_the_answer_to_ours_changes_nothing() -> None:
    one, other = crossing()
    answer_comes_before_the_call(one, other)
    assert agree(one, other)


def test_control_without_the_rule_of_the_smaller_session_nobody_meets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CROSSED_SECONDS", 0.0)
    one, other = crossing()
    answer_comes_before_the_call(one, other)
    assert not agree(one, other)
    one, other = crossing()
    calls = one.mail.pop(), other.mail.pop()
    one.takes(calls[1])
    other.takes(calls[0])
    assert not agree(one, other), "each has let go of its own call"


def test_a_call_long_after_is_answered_whatever_its_session() -> None:
    """Somebody who has started again knows nothing of the line that stands here."""
    one, other = crossing()
    answer_comes_before_the_call(one, other)
    assert one.meeting is not None
    late = offer(b"\xff" * 16)
    assert not one.meetings.may_answer(BOB, late, CROSSED_SECONDS - 1)
    assert one.meetings.may_answer(BOB, late, CROSSED_SECONDS)
    assert one.meetings.may_answer(BOB, offer(bytes(16)), ANSWER_PAUSE_SECONDS)
    earlier = one.meeting
    one.takes(late, CROSSED_SECONDS)
    assert is_ended(earlier)
    one.meetings.ended(BOB, earlier, 99.0, used=False, why="it ended")
    assert one.meetings.why_not(BOB) == "", "what has been replaced says nothing any more"


def line_and_again(one: Side, other: Side) -> bool:
    """Let a line stand and end at once, and the first look for it again."""
    one.call(0.0)
    other.takes(one.mail.pop(), 1.0)
    one.takes(other.mail.pop(), 2.0)
    for side in (one, other):
        side.line_ends(2.5)
    before = one.meeting
    for second in range(20):
        one.call(3.0 + second)
        if one.meeting is not before:
            other.takes(one.mail.pop(), 3.0 + second)
            return bool(other.mail)
    return False


def test_a_line_that_ended_at_once_is_looked_for_again_and_found() -> None:
    assert line_and_again(Side(b"one"), Side(b"other"))


def test_control_who_looks_again_at_once_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_BETWEEN_SECONDS", 0.0)
    assert not line_and_again(Side(b"one"), Side(b"other"))


def test_a_line_that_has_stood_is_looked_for_again_a_second_later() -> None:
    one = meetings()
    assert one.is_due(BOB, 0.0)
    meeting = one.begin(BOB, None, 0.0)
    one.ended(BOB, meeting, 500.0, used=True, why="")
    assert not one.is_due(BOB, 500.0 + AFTER_END_SECONDS - 0.1)
    assert one.is_due(BOB, 500.0 + AFTER_END_SECONDS)


def test_lines_that_end_at_once_are_not_looked_for_without_end() -> None:
    one, calls, now = meetings(), 0, 0.0
    for _ in range(1_000):
        if one.is_due(BOB, now):
            calls += 1
            one.ended(BOB, one.begin(BOB, None, now), now, used=True, why="")
        now += 0.1
    assert calls == 100.0 / LEAST_BETWEEN_SECONDS


@given(st.binary(max_size=4))
def test_who_is_not_reached_is_called_ever_less_often(seed: bytes) -> None:
    one, now = meetings(seed=seed), 0.0
    for failures in range(1, 12):
        one.ended(BOB, one.begin(BOB, None, now), now, used=False, why="nothing came")
        assert one.why_not(BOB) == "nothing came"
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**failures)
        assert not one.is_due(BOB, now + longest / 2 - 0.1)
        assert one.is_due(BOB, now + longest)
        now += longest
    one.ended(BOB, one.begin(BOB, None, now), now, used=True, why="")
    assert one.why_not(BOB) == ""


@given(st.binary(max_size=4))
def test_after_a_line_the_first_calls_follow_soon(seed: bytes) -> None:
    """A call may fail because one of the two is not back yet: a minute would be long."""
    one, now = meetings(seed=seed), 0.0
    for _ in range(5):
        one.ended(BOB, one.begin(BOB, None, now), now, used=False, why="")
    one.ended(BOB, one.begin(BOB, None, now), now, used=True, why="")
    for longest in (15, 30, 60, 120):
        one.ended(BOB, one.begin(BOB, None, now), now, used=False, why="")
        assert not one.is_due(BOB, now + longest / 2 - 0.1)
        assert one.is_due(BOB, now + longest)
        now += longest


def test_who_was_heard_is_called_soon_and_once_a_minute_at_most() -> None:
    one, now = meetings(), 1_000.0
    for _ in range(8):
        one.ended(BOB, one.begin(BOB, None, now), now, used=False, why="")
        one.heard(BOB, now + FIRST_PAUSE_SECONDS - 1)
        assert not one.is_due(BOB, now + FIRST_PAUSE_SECONDS - 1)
        now += FIRST_PAUSE_SECONDS
        one.heard(BOB, now)
        assert one.is_due(BOB, now)


def test_one_of_two_waits_for_the_other_to_call() -> None:
    caller, callee = meetings(), meetings(is_caller=False)
    assert caller.is_due(BOB, 0.0)
    assert not callee.is_due(ALICE, 0.0)
    callee.heard(ALICE, 0.0)
    assert not callee.is_due(ALICE, CALLEE_SECONDS - 0.1)
    assert callee.is_due(ALICE, CALLEE_SECONDS)


def answered(one: Meetings) -> int:
    """Return how often somebody is answered who calls ten times a second for a minute."""
    answers = 0
    for tick in range(600):
        call = offer((1_000 - tick).to_bytes(16, "big"))  # each one goes before the last
        if not one.take_answer(BOB, call) and one.may_answer(BOB, call, tick / 10):
            one.begin(BOB, call, tick / 10)
            answers += 1
    return answers


def test_who_calls_without_end_is_answered_every_five_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert answered(meetings()) == 60 / ANSWER_PAUSE_SECONDS
    monkeypatch.setattr(module, "ANSWER_PAUSE_SECONDS", 0.0)
    assert answered(meetings()) == 600, "control: each answer is a message"


def test_an_answer_counts_once_and_for_its_own_session() -> None:
    one = meetings()
    assert not one.take_answer(BOB, offer(b"s" * 16)), "nobody was called"
    meeting = one.begin(BOB, None, 0.0)
    assert not one.take_answer(BOB, offer(b"s" * 16))
    assert not one.take_answer(ALICE, offer(meeting.session)), "it was not alice who was called"
    first = offer(meeting.session)
    assert one.take_answer(BOB, first)
    assert one.take_answer(BOB, offer(meeting.session)), "it is one, and changes nothing"
    assert meeting.theirs is first
    assert meeting.answered.is_set()


def test_of_two_offers_the_older_one_is_known_for_a_while_and_not_for_ever() -> None:
    one = meetings()
    assert not one.is_overtaken(BOB, 5, 0.0)
    assert not one.is_overtaken(BOB, 5, 1.0), "it is the newest, however often it comes"
    assert not one.is_overtaken(ALICE, 4, 1.0), "each has numbers of its own"
    assert one.is_overtaken(BOB, 4, OVERTAKEN_SECONDS)
    assert not one.is_overtaken(BOB, 4, 1.0 + OVERTAKEN_SECONDS), "their clock was set back"
    assert not one.is_overtaken(BOB, 6, 2.0 + OVERTAKEN_SECONDS)


def test_what_goes_on_with_others_than_who_agreed_is_ended_and_forgotten() -> None:
    one = meetings()
    people = [UserAddress(bytes([n]) * 32) for n in range(3)]
    open_ones = [one.begin(person, None, 0.0) for person in people]
    one.ended(people[2], open_ones[2], 0.0, used=False, why="nothing came")
    one.forget_others({people[0]})
    assert [is_ended(meeting) for meeting in open_ones] == [False, True, False]
    assert one.why_not(people[2]) == ""
    one.ended(people[1], open_ones[1], 1.0, used=False, why="cancelled")
    assert one.why_not(people[1]) == "", "its end is nothing to remember"
    assert not one.take_answer(people[1], offer(open_ones[1].session))
    assert one.take_answer(people[0], offer(open_ones[0].session))

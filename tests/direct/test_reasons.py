"""Each side says something true of why there is no path, also where only the other one is blocked.

`tests/direct/test_paths.py` looks at what NATs alone prevent.
"""

from __future__ import annotations

import pytest

from tests.direct.support import Between, NatKind, side
from zentalk.direct.reasons import WhyNot, why_not
from zentalk.direct.search import SEARCH_SECONDS
from zentalk.wire.direct import DirectOffer, Nat

NONE, CONE, STRICT = NatKind.NONE, NatKind.FULL_CONE, NatKind.PORT_RESTRICTED
NOTHING_IN, NOTHING_OUT, NOTHING = "closed_in", "closed_out", "closed"


@pytest.mark.parametrize("other", NatKind)
@pytest.mark.parametrize(
    ("blocked", "kind", "says", "other_says"),
    [
        # Of a machine whose address is public everybody knows the address; of others nobody does.
        (NOTHING, NONE, WhyNot.NO_ANSWER, WhyNot.NO_ANSWER),
        (NOTHING, CONE, WhyNot.UNSEEN, WhyNot.NO_CANDIDATES),
        (NOTHING, STRICT, WhyNot.UNSEEN, WhyNot.NO_CANDIDATES),
        (NOTHING_OUT, CONE, WhyNot.UNSEEN, WhyNot.NO_CANDIDATES),
        (NOTHING_OUT, NONE, WhyNot.ONE_WAY, WhyNot.NO_ANSWER),
        (NOTHING_IN, NONE, WhyNot.NO_ANSWER, WhyNot.ONE_WAY),
    ],
)
def test_who_is_blocked_and_who_is_not_say_different_things(
    blocked: str, kind: NatKind, says: WhyNot, other_says: WhyNot, other: NatKind
) -> None:
    """A symmetric NAT beside that is named where nothing came: it needs one that lets all in."""
    one, there = side("one", kind, 1, blocked=blocked), side("other", other, 2)
    Between(one, there).run(SEARCH_SECONDS + 1)
    assert one.punch is not None
    assert there.punch is not None
    if other is NatKind.SYMMETRIC:
        if says is WhyNot.NO_ANSWER:
            says = WhyNot.SYMMETRIC_THERE
        if other_says in (WhyNot.NO_ANSWER, WhyNot.ONE_WAY):
            other_says = WhyNot.SYMMETRIC_HERE
    assert (one.punch.why_not, there.punch.why_not) == (says, other_says)


def offer(nat: Nat) -> DirectOffer:
    return DirectOffer(b"i" * 16, b"1" * 32, b"s" * 32, nat, ())


def test_who_was_answered_does_not_say_that_nothing_arrives() -> None:
    own, theirs = offer(Nat.SYMMETRIC), offer(Nat.STEADY)
    for was_heard in (False, True):
        found = why_not(own, theirs, is_any_probed=True, was_heard=was_heard, is_answered=True)
        assert found is WhyNot.UNSTEADY


def test_an_answer_of_a_path_that_has_died_says_nothing_of_the_search_after_it() -> None:
    one, other = side("one", CONE, 1), side("other", CONE, 2)
    between = Between(one, other)
    between.run(SEARCH_SECONDS)
    assert one.punch is not None
    assert one.punch.path is not None
    other.box.closed_in = other.box.closed_out = True
    between.run(120.0)
    assert one.punch.why_not is WhyNot.NO_ANSWER

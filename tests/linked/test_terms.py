"""The higher term goes on."""

from __future__ import annotations

import pytest

from zentalk.linked.terms import MAX_TERM, TermVerdict, judge, next_term


@pytest.mark.parametrize(
    ("own", "seen", "standing"),
    [
        (0, None, TermVerdict.FIRST),
        (0, 0, TermVerdict.FIRST),
        (1, 0, TermVerdict.FIRST),
        (0, 1, TermVerdict.OUTDONE),
        (4, MAX_TERM, TermVerdict.OUTDONE),
    ],
)
def test_the_higher_term_goes_on(own: int, seen: int | None, standing: TermVerdict) -> None:
    assert judge(own, seen) is standing


def test_a_promotion_raises_the_term_and_never_beyond_its_room() -> None:
    assert next_term(0) == 1
    assert next_term(MAX_TERM) == MAX_TERM

"""The higher term goes on."""

from __future__ import annotations

import pytest

from zentalk.linked.terms import MAX_TERM, Standing, judge, next_term


@pytest.mark.parametrize(
    ("own", "seen", "standing"),
    [
        (0, None, Standing.FIRST),
        (0, 0, Standing.FIRST),
        (1, 0, Standing.FIRST),
        (0, 1, Standing.OUTDONE),
        (4, MAX_TERM, Standing.OUTDONE),
    ],
)
def test_the_higher_term_goes_on(own: int, seen: int | None, standing: Standing) -> None:
    assert judge(own, seen) is standing


def test_a_promotion_raises_the_term_and_never_beyond_its_room() -> None:
    assert next_term(0) == 1
    assert next_term(MAX_TERM) == MAX_TERM

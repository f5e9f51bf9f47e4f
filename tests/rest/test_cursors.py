"""Cursors lead from any page to its neighbours, and beyond no bound."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from zentalk.errors import LocalProtocolError
from zentalk.rest.cursors import Cursor, page_of, parse_cursor
from zentalk.rest.limits import MAX_SEQUENCE, MIN_PLACE


class Line(NamedTuple):
    seq: int


def test_what_waits_for_its_place_is_no_place_to_go_on_from() -> None:
    page = page_of([Line(-3), Line(4), Line(0)], Cursor(None, None))
    assert (page["older"], page["newer"]) == ("older.-3", "newer.4")
    waiting = page_of([Line(0)], Cursor(None, None))
    assert (waiting["older"], waiting["newer"]) == ("", "")


@pytest.mark.parametrize("begun", [Cursor(MIN_PLACE, None), Cursor(None, MAX_SEQUENCE)])
def test_at_the_ends_of_all_numbers_a_page_names_cursors_that_can_be_read(begun: Cursor) -> None:
    page = page_of([], begun)
    assert parse_cursor(page["older"]).before is not None
    assert parse_cursor(page["newer"]).after is not None


@pytest.mark.parametrize("way", ["older", "newer"])
def test_a_number_that_no_message_has_is_in_no_cursor(way: str) -> None:
    for place in (MIN_PLACE, MAX_SEQUENCE):
        assert place in parse_cursor(f"{way}.{place}")
    for place in (MIN_PLACE - 1, MAX_SEQUENCE + 1):
        with pytest.raises(LocalProtocolError):
            parse_cursor(f"{way}.{place}")

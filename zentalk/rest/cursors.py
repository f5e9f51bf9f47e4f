"""Places between pages of a conversation, as clients pass them back: opaque, good in one node.

A page names the one before it and the one after it. What is written meanwhile moves no page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from zentalk.errors import LocalProtocolError
from zentalk.rest.limits import MAX_SEQUENCE, MIN_PLACE

MAX_CURSOR_CHARS: Final = 32
_CURSOR: Final = re.compile(r"(older|newer)\.(-?[0-9]{1,20})", re.ASCII)


class Cursor(NamedTuple):
    """A place in a conversation; one of both is None."""

    before: int | None
    after: int | None


def parse_cursor(text: str) -> Cursor:
    """Read what a page named; raises LocalProtocolError if no page did."""
    found = _CURSOR.fullmatch(text)
    if found is None or not MIN_PLACE <= int(found[2]) <= MAX_SEQUENCE:
        raise LocalProtocolError("this cursor is of no page: begin without one")
    place = int(found[2])
    return Cursor(place, None) if found[1] == "older" else Cursor(None, place)


def page_of(lines: Sequence[Any], begun: Cursor) -> dict[str, Any]:
    """Return a page with its neighbours; one without messages goes on where it was asked for.

    What waits at a replica for its place has none yet: it is no place to go on from.
    """
    places = [line.seq for line in lines if line.seq]
    if places:
        first, last = places[0], places[-1]
    elif begun.before is not None:
        first, last = begun.before, max(MIN_PLACE, begun.before - 1)
    elif begun.after is not None:
        first, last = min(MAX_SEQUENCE, begun.after + 1), begun.after
    else:
        return {"messages": lines, "older": "", "newer": ""}
    return {"messages": lines, "older": f"older.{first}", "newer": f"newer.{last}"}

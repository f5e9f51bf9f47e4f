"""The event log: what happened at the node, numbered."""

from __future__ import annotations

from typing import Any

from zentalk.rest.base import Resource


class Event(Resource):
    """One line of the event log."""

    seq: int
    type: str
    at: float
    data: dict[str, Any]


class Events(Resource):
    """A page of the event log, oldest first; ask for `after=` the value of `next` to go on."""

    events: list[Event]
    next: int

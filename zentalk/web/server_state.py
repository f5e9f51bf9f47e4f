"""The state that all connections of one server share."""

from __future__ import annotations

from collections.abc import Callable

from zentalk.web.date_line import DateLine


class ServerState:
    """The date, and whether the server is ending: every answer is then a connection's last."""

    __slots__ = ("date", "draining")

    def __init__(self, now: Callable[[], float]) -> None:
        self.date = DateLine(now)
        self.draining = False

"""Says in the log what does not work, and why: once, and not at each of the tries that follow.

Reasons may be a peer's words, and tries go on for as long as a fault lasts: so neither may fill a
disk. What it is told of is the owner's own configuration and relays, never who anybody writes to.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConnectFailedError
from zentalk.logs import quiet_logger

MAX_REASONS: Final = 8
"""Reasons that are said of one thing until it works again."""
MAX_THINGS: Final = 256
"""Things whose reasons are remembered; the one that failed first is forgotten first."""
_LOG: Final = quiet_logger("zentalk.node")


class Troubles:
    """Faults of one kind, which the log calls `event`."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._said: dict[str | int, set[str]] = {}

    def failed(self, place: str | int, reason: str) -> None:
        """Say that something did not work at a place: a host and port, or a number."""
        if place not in self._said and len(self._said) >= MAX_THINGS:
            del self._said[next(iter(self._said))]
        said = self._said.setdefault(place, set())
        if reason not in said and len(said) < MAX_REASONS:
            said.add(reason)
            _LOG.warning(self._event, place=place, reason=reason)

    def works(self, place: str | int) -> None:
        """Take note that it works there: what fails from now on is news."""
        self._said.pop(place, None)


def reason_of(fault: BaseException) -> str:
    """Return the reason in a fault, which may be a group: of its first, without the address."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault.reason if isinstance(fault, ConnectFailedError) else str(fault)

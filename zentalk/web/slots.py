"""Bounds on connections, in all and from one source."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from zentalk.net.sources import is_loopback, source_of
from zentalk.web.websocket.messages import MAX_MESSAGE_BYTES


class ConnectionLimits(NamedTuple):
    """The most connections: in all, and from one address that is not loopback; more are refused."""

    in_all: int = 256
    per_source: int = 32
    count_websockets: bool = True
    """False where the application has bounds of its own for them."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    """The most that one WebSocket can make the server hold."""


class ConnectionPlace:
    """The place of one connection; given back once, and by `lend` for a while before."""

    __slots__ = ("_host", "_is_taken", "_slots")

    def __init__(self, slots: ConnectionSlots, host: str) -> None:
        self._slots = slots
        self._host = host
        self._is_taken = False

    @property
    def limits(self) -> ConnectionLimits:
        """The bounds of the server."""
        return self._slots.limits

    def take(self) -> bool:
        """Count the connection, if it is not counted; False if there is no place for it."""
        self._is_taken = self._is_taken or self._slots.add(self._host)
        return self._is_taken

    def lend(self) -> None:
        """Leave a WebSocket to the application's own bounds, where it has some."""
        if not self.limits.count_websockets:
            self.leave()

    def leave(self) -> None:
        """Count the connection no more."""
        if self._is_taken:
            self._is_taken = False
            self._slots.remove(self._host)


class ConnectionSlots:
    """Counts open connections by source."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: Counter[str] = Counter()

    def take(self, host: str) -> ConnectionPlace | None:
        """Return the place of a new connection, counted; None if there is none for it."""
        place = ConnectionPlace(self, host)
        return place if place.take() else None

    def add(self, host: str) -> bool:
        """Count one of a host; False, and not counted, if that would be too many."""
        source, limited = source_of(host), not is_loopback(host)
        if self._open.total() >= self.limits.in_all or (
            limited and self._open[source] >= self.limits.per_source
        ):
            return False
        self._open[source] += 1
        return True

    def remove(self, host: str) -> None:
        """Count one of a host no more."""
        source = source_of(host)
        self._open[source] -= 1
        if not self._open[source]:
            del self._open[source]

"""What one who follows the event log must do when the connection ends. Plain code, no I/O.

Nothing is lost, because each connection asks for what comes after the last event that was handed
over; nothing is repeated, because events up to that one are dropped. It never decides by itself
that events may be missed: where the log cannot be gone on with, it raises.
"""

from __future__ import annotations

import math
from typing import Final

from zentalk.client.errors import ApiError
from zentalk.client.signals import EphemeralEvent
from zentalk.crypto.types import Entropy
from zentalk.errors import ConflictError, TransportError, UnavailableError, ZentalkError
from zentalk.net.backoff import ReconnectBackoff
from zentalk.rest.events import Event

PATIENCE_SECONDS: Final = 300.0
"""How long a node may be away before one stops trying: far longer than any restart takes."""
_BUSY: Final = {408, 425, 429}
_SERVER_ERRORS: Final = 500


class NodeGoneError(UnavailableError):
    """The node has been away for too long; `last_seq` is where to go on later."""

    def __init__(self, message: str, last_seq: int) -> None:
        super().__init__(message)
        self.last_seq = last_seq


class LogEndedError(ConflictError):
    """The node's log ends before the event to go on after: it is another one, or an older copy."""


class Following:
    """The place in the log of one reader, and its attempts to get there again.

    `patience` is in seconds since the node was last reached; infinity waits for ever.
    """

    __slots__ = ("_backoff", "_last", "_new_since_connected", "_patience", "_reached_at")

    def __init__(self, after: int, patience: float, now: float, entropy: Entropy) -> None:
        if after < 0 or not patience >= 0:
            raise ValueError("`after` and the patience are numbers from 0")
        self._last = after
        self._patience = patience
        self._reached_at = now
        self._new_since_connected = False
        self._backoff = ReconnectBackoff(entropy)

    @property
    def last_seq(self) -> int:
        """The last event that was handed over: a connection asks for those after it."""
        return self._last

    def connected(self, now: float) -> None:
        """Take note that the node answered."""
        self._reached_at = now
        self._new_since_connected = False

    def check_log(self, from_last: list[Event]) -> None:
        """Take the log from the last event on; raises LogEndedError if it does not reach it."""
        if self._last and not from_last:
            raise LogEndedError(
                f"the node's event log ends before event {self._last}: it is another node, or its"
                " folder was restored from a copy; read its history again, and follow from 0"
            )

    def is_new(self, event: Event, now: float) -> bool:
        """Say whether an event is handed over, and remember it."""
        self._reached_at = now
        if isinstance(event, EphemeralEvent):
            return True
        if event.seq <= self._last:
            return False
        self._last = event.seq
        self._new_since_connected = True
        return True

    def wait_after(self, error: ZentalkError | None, now: float) -> float:
        """Return how many seconds to wait after a connection failed, or ended (None).

        Raises `error` if trying again cannot help, NodeGoneError if the patience is over.
        """
        if error is not None and not _may_pass(error):
            raise error
        away = now - self._reached_at
        if away > self._patience:
            raise NodeGoneError(
                f"the node has not answered for {away:.0f} s ({error or 'it ended the stream'});"
                f" look whether it runs, then follow again after event {self._last}",
                self._last,
            ) from error
        wait = self._backoff.next_wait(math.inf if self._new_since_connected else 0.0)
        self._new_since_connected = False
        return min(wait, max(0.0, self._patience - away) + _LEAST_SECONDS)


_LEAST_SECONDS: Final = 0.05
"""The last attempt comes just after the patience has ended, not a whole wait later."""


def _may_pass(error: ZentalkError) -> bool:
    """Say whether an error goes away by itself; a wrong token does not."""
    if isinstance(error, ApiError):
        return error.status >= _SERVER_ERRORS or error.status in _BUSY
    return isinstance(error, TransportError | UnavailableError)

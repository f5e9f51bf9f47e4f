"""The Date header, written once a second instead of once a request."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate


def _date_now() -> str:
    return formatdate(usegmt=True)


class DateLine:
    """The value of the Date header at present; `now` is monotonic, in seconds."""

    __slots__ = ("_now", "_until", "_value", "_write")

    def __init__(self, now: Callable[[], float], write: Callable[[], str] = _date_now) -> None:
        self._now = now
        self._write = write
        self._until = float("-inf")
        self._value = b""

    def value(self) -> bytes:
        """Return the date, at most a second old."""
        now = self._now()
        if now >= self._until:
            self._value = self._write().encode("ascii")
            self._until = now + 1.0
        return self._value

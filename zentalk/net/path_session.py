"""Runs the core of one search for a path over a port: what it wants sent, when it wants it.

Rules and times are in `zentalk.direct.punch`; whoever reads the port calls `take`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from zentalk.direct.punch import Punch
from zentalk.direct.reasons import WhyNot
from zentalk.errors import ConnectFailedError, LinkClosedError
from zentalk.net.datagrams import Address, Datagrams
from zentalk.net.signal import Signal

MAX_WAITING: Final = 256
"""Datagrams that wait to be sent; more are lost, as anywhere on their way."""


class PathSession:
    """One search, and the path that it found, until `end`."""

    def __init__(self, punch: Punch, monotonic: Callable[[], float]) -> None:
        self._punch = punch
        self._monotonic = monotonic
        self._waiting: deque[tuple[bytes, Address]] = deque(maxlen=MAX_WAITING)
        self._has_work = Signal()
        self._watchers = trio.lowlevel.ParkingLot()
        self._seen: tuple[Address | None, WhyNot | None] = (None, None)
        self._ended = False

    @property
    def is_client(self) -> bool:
        """Whether this side opens what runs over the path."""
        return self._punch.is_client

    @property
    def tag(self) -> bytes:
        """The 8 bytes by which this session is told from others."""
        return self._punch.tag

    @property
    def path(self) -> Address | None:
        """The place of the other side; None while it is searched for, and after the end."""
        return None if self._ended else self._punch.path

    @property
    def why_not(self) -> WhyNot | None:
        """The reason for which there is no path, once nothing more is tried."""
        return self._punch.why_not

    async def path_after(self, known: Address | None = None) -> Address:
        """Wait for a path, another one than `known`; raises ConnectFailedError, LinkClosedError.

        The former's reason is a word of `WhyNot`; the latter means that this was ended here.
        """
        while self.path in (None, known):
            if self._ended:
                raise LinkClosedError("the search for a direct path was ended")
            if self.why_not is not None:
                raise ConnectFailedError("the contact", self.why_not)
            await self._watchers.park()
        assert self.path is not None
        return self.path

    def end(self) -> None:
        """Send nothing more, and let go of the path."""
        self._ended = True
        self._has_work.set()
        self._watchers.unpark_all()

    def take(self, data: bytes, source: Address) -> None:
        """Take in a datagram of the port, whosever it is."""
        self._waiting.extend(self._punch.receive(data, source, self._monotonic()))
        self._has_work.set()
        self._tell()

    async def run(self, datagrams: Datagrams) -> None:
        """Send what is to be sent until the end; raises trio.ClosedResourceError."""
        while not self._ended:
            self._waiting.extend(self._punch.wake(self._monotonic()))
            self._tell()
            while self._waiting:
                await datagrams.send(*self._waiting.popleft())
            following = self._punch.next_at
            if following is None:
                return
            await self._has_work.wait(following - self._monotonic())

    def _tell(self) -> None:
        state = (self._punch.path, self._punch.why_not)
        if state != self._seen:
            self._seen = state
            self._watchers.unpark_all()

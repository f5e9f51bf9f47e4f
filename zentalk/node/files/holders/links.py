"""Links to the relays that hold shards: a few at a time, kept for the next shards.

Spec: docs/spec/mesh.md section 7. By default each is a tunnel, so that no holder learns whose files
it holds; with `direct` a holder is dialled, which is faster and shows it the owner's address.
Nothing here knows what a shard is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS, LinkClosedError, UnavailableError, ZentalkError
from zentalk.ids import NodeId
from zentalk.node.tunnels.tunnels import RequestLink, TunnelOpener

TUNNELS: Final = 6
"""Of the ten or so short ones that a node may have: records and prices need some as well."""
DIRECT_LINKS: Final = 32
IDLE_SECONDS: Final = 20.0
"""A link that nobody has used for so long is closed."""


class _Line:
    """One link, from the moment it is wanted until it is closed."""

    def __init__(self) -> None:
        self.link: RequestLink | None = None
        self.failed: ZentalkError | None = None
        self.settled = trio.Event()
        self.unwanted = trio.Event()
        self.users = 0
        self.used_at = 0.0


class HolderLinks:
    """Carries requests to holders over at most `most` links at a time; `run` must be running."""

    def __init__(self, opener: TunnelOpener, most: int = TUNNELS) -> None:
        self._open = opener
        self._most = most
        self._lines: dict[NodeId, _Line] = {}
        self._changes = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Carry the links, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._close_idle()
            finally:
                self._nursery = None

    async def request(self, holder: NodeId, body: bytes, timeout_seconds: float) -> bytes:
        """Send a request to a holder, and return the body of its response.

        Raises one of RELAY_FAULTS.
        """
        async with self.held(holder) as line:
            if line.link is None:
                raise line.failed or UnavailableError("a holder cannot be reached now")
            try:
                return await line.link.request(body, timeout_seconds)
            except LinkClosedError:
                self._drop(holder, line)
                raise

    @asynccontextmanager
    async def held(self, holder: NodeId) -> AsyncIterator[_Line]:
        """Keep the link to a holder from giving way to others, for several requests in a row.

        Whether there is a link is seen by the first request.
        """
        line = self._lines.get(holder)
        while line is None and not self._make_room():
            await self._changes.park()
            line = self._lines.get(holder)
        if line is None:
            if self._nursery is None:
                raise UnavailableError("the network is not running")
            line = self._lines[holder] = _Line()
            self._nursery.start_soon(self._hold, holder, line)
        line.users += 1
        try:
            await line.settled.wait()
            yield line
        finally:
            line.users -= 1
            line.used_at = trio.current_time()
            self._changes.unpark_all()

    def _make_room(self) -> bool:
        """Say whether one link more may be opened; the one longest unused gives way to it."""
        if len(self._lines) < self._most:
            return True
        idle = [(line.used_at, holder) for holder, line in self._lines.items() if not line.users]
        if not idle:
            return False
        holder = min(idle)[1]
        self._drop(holder, self._lines[holder])
        return True

    def _drop(self, holder: NodeId, line: _Line) -> None:
        line.unwanted.set()
        if self._lines.get(holder) is line:
            del self._lines[holder]
            self._changes.unpark_all()

    async def _hold(self, holder: NodeId, line: _Line) -> None:
        """Keep a link open as long as it is wanted."""
        try:
            async with self._open(holder) as link:
                line.link = link
                line.settled.set()
                await line.unwanted.wait()
        except RELAY_FAULTS as error:
            line.failed = error
        finally:
            line.link = None
            line.settled.set()
            self._drop(holder, line)

    async def _close_idle(self) -> None:
        while True:
            await trio.sleep(IDLE_SECONDS / 2)
            before = trio.current_time() - IDLE_SECONDS
            for holder, line in list(self._lines.items()):
                if not line.users and line.used_at < before:
                    self._drop(holder, line)

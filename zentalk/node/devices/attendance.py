"""When each device was last here, and who is here now, for the owner and for presence.

Requests only leave a note in memory; `run` writes at most one time a minute for each device, and
no event. Facts about connections stay inside the node: they are in no log, and nobody is sent them
from here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import trio

from zentalk.errors import StorageError
from zentalk.net.runtime import Runtime
from zentalk.node.devices.connections import ConnectionFact, Connections, Visits
from zentalk.store.history import devices_seen
from zentalk.store.history.database import HistoryDatabase

WRITE_SECONDS: Final = 60.0
MAX_FACTS: Final = 256
"""A reader who falls further behind reads `connected` anew."""


class NumberedFact(NamedTuple):
    """A fact with its number, which counts from 1 in each life of the node."""

    number: int
    fact: ConnectionFact


class Attendance:
    """Who is connected, and when each device was seen. `run` must be running."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database
        self._connections = Connections()
        self._seen: dict[str, float] = {}
        self._unwritten: dict[str, float] = {}
        self._facts: deque[NumberedFact] = deque(maxlen=MAX_FACTS)
        self._count = 0
        self._told = trio.Event()
        self._changed = trio.Event()
        self.on_move: Callable[[str], None] = lambda _device: None
        """Is told at once of each device that begins or ends a request, or is revoked."""

    def load(self) -> None:
        """Read when devices were seen in earlier lives."""
        self._seen = self._database.read_now(devices_seen.every)

    def began(self, device: str) -> None:
        """A request or stream of a device, or of the `owner`, began."""
        self._note(self._connections.began(device, self._runtime.monotonic()))
        self._see(device)
        self.on_move(device)

    def ended(self, device: str) -> None:
        """A request or stream ended."""
        if device not in self._connections.connected():
            return
        self._connections.ended(device, self._runtime.monotonic())
        self._see(device)
        self.on_move(device)

    def forget(self, device: str) -> None:
        """A device was revoked."""
        self._note(self._connections.forget(device))
        self._seen.pop(device, None)
        self._unwritten.pop(device, None)
        self.on_move(device)

    def visits(self, device: str) -> Visits:
        """Return the requests of a device in this life of the node."""
        return self._connections.visits(device)

    def connected(self) -> frozenset[str]:
        """Return the ids of devices that are connected, and `owner` if its token is in use."""
        return self._connections.connected()

    def last_seen(self, device: str) -> float | None:
        """Return when a device was here, as unix time to the minute; None if never."""
        return self._seen.get(device)

    def facts(self, after: int) -> list[NumberedFact]:
        """Return the facts with a number above `after` that are still kept, in order."""
        return [each for each in self._facts if each.number > after]

    async def wait_facts(self, after: int) -> None:
        """Return once there is a fact with a number above `after`."""
        await trio.lowlevel.checkpoint()
        while self._count <= after:
            await self._told.wait()

    async def run(self) -> None:
        """Let silent devices go, and write down who was seen, until cancelled."""
        while True:
            now = self._runtime.monotonic()
            self._note(self._connections.expire(now))
            self._changed = trio.Event()
            await self._write()
            following = self._connections.next_expiry()
            with trio.move_on_after(math.inf if following is None else max(0.0, following - now)):
                await self._changed.wait()

    async def _write(self) -> None:
        if not self._unwritten:
            return
        seen, self._unwritten = self._unwritten, {}
        with suppress(StorageError):  # The next minute tries again.
            await self._database.write(lambda tx: devices_seen.put(tx, seen))

    def _see(self, device: str) -> None:
        now = self._runtime.wall()
        minute = now - now % WRITE_SECONDS
        if self._seen.get(device) != minute:
            self._seen[device] = self._unwritten[device] = minute
            self._changed.set()

    def _note(self, facts: list[ConnectionFact]) -> None:
        if not facts:
            return
        for fact in facts:
            self._count += 1
            self._facts.append(NumberedFact(self._count, fact))
        self._told.set()
        self._told = trio.Event()
        self._changed.set()

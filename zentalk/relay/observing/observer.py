"""The tasks that probe what is due, many at a time, on a clock of their own.

What others tell of gives way to everything else that the machine does: in a network that starts on
one machine each relay is to probe every other, and nobody's start waits for that. Every failure is
the other side's and ends one probe. What came out goes to the directory's state and nowhere else.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.backoff import spread
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.relay.observing.observing import Observing
from zentalk.relay.observing.schedule import Cause
from zentalk.wire.text import RelayUri

PROBES_AT_ONCE: Final = 64
"""Each takes a connection that nobody else may have; most that hang lead to nobody."""
BUSY_SECONDS: Final = 0.005
"""A machine is busy while one turn of all that is ready takes so long; a handshake takes half."""
WAIT_SECONDS: Final = 2.0
"""A probe of what others tell waits so long on a busy machine, half of it at least."""
PATIENCE_SECONDS: Final = 180.0
"""Each such probe gives way for so long in all, so that a machine that is always busy observes
somebody too."""


class Prober(Protocol):
    """Reaches relays (`zentalk.relay.observing.handshake_probe.HandshakeProbe`)."""

    async def resolve(self, uri: RelayUri) -> str:
        """Return the address that `reaches` is to dial; raises ConnectFailedError."""
        ...

    async def reaches(self, uri: RelayUri, address: str) -> bool:
        """Say whether the holder of the relay's key answers at an address."""
        ...


class Learner(Protocol):
    """A party told of relays that were reached (`zentalk.relay.directory.state.DirectoryState`)."""

    def reached_at(self, uri: RelayUri, address: str) -> None:
        """Take note that a relay proved its identity at an address."""
        ...


class Observer:
    """Probes what `observing` has planned; `learner` hears of those that answered."""

    def __init__(
        self, runtime: Runtime, prober: Prober, observing: Observing, learner: Learner
    ) -> None:
        self._runtime = runtime
        self._prober = prober
        self._observing = observing
        self._learner = learner
        self._slots = trio.Semaphore(PROBES_AT_ONCE)
        self._rumours: deque[tuple[RelayUri, Cause, float]] = deque()
        self._told = Signal()

    async def run(self) -> None:
        """Probe until cancelled."""
        schedule, wake = self._observing.schedule, self._observing.wake
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._probe_rumours, nursery)
            while True:
                await wake.wait(max(0.0, schedule.next_at() - self._runtime.monotonic()))
                for uri, cause in schedule.due(self._runtime.monotonic()):
                    if cause.is_told:
                        until = self._runtime.monotonic() + PATIENCE_SECONDS
                        self._rumours.append((uri, cause, until))
                        self._told.set()
                    else:
                        await self._start(nursery, uri, cause)

    async def _probe_rumours(self, nursery: trio.Nursery) -> None:
        while True:
            await self._told.wait()
            while self._rumours:
                uri, cause, until = self._rumours.popleft()
                if self._observing.wants(uri, cause):
                    await self._give_way(until)
                    await self._start(nursery, uri, cause)

    async def _give_way(self, until: float) -> None:
        """Wait while the machine is busy, until a time at most."""
        while True:
            before = self._runtime.monotonic()
            await trio.lowlevel.checkpoint()
            now = self._runtime.monotonic()
            if now - before < BUSY_SECONDS:
                return
            await trio.sleep(spread(WAIT_SECONDS, self._runtime.entropy))
            if now >= until:
                return

    async def _start(self, nursery: trio.Nursery, uri: RelayUri, cause: Cause) -> None:
        """Probe a relay in a task of its own, unless it was reached meanwhile."""
        if self._observing.wants(uri, cause):
            await self._slots.acquire()
            nursery.start_soon(self._probe, uri, cause)

    async def _probe(self, uri: RelayUri, cause: Cause) -> None:
        try:
            await self._probe_now(uri, cause)
        finally:
            self._slots.release()

    async def _probe_now(self, uri: RelayUri, cause: Cause) -> None:
        try:
            address = await self._prober.resolve(uri)
        except ConnectFailedError:
            self._observing.failed(uri, cause)
            return
        now = self._runtime.monotonic()
        is_name = address.strip("[]") != uri.host.strip("[]")
        # Many names may lead to one address.
        if is_name and self._observing.schedule.admit(uri, address, cause, now):
            self._observing.failed(uri, cause)
        elif await self._prober.reaches(uri, address):
            self._learner.reached_at(uri, address.strip("[]"))
        else:
            self._observing.failed(uri, cause)

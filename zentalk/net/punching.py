"""One UDP port from which own addresses are asked for, and paths to contacts are searched.

Spec: docs/spec/direct.md. QUIC may share the port; what is its own does not come here. Nobody else
may receive from the `Datagrams` that is given; what is of neither goes to `others`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import trio

from zentalk.direct.candidates import OwnPlaces, own_places
from zentalk.direct.places import Subnet, own_subnet
from zentalk.direct.punch import Punch
from zentalk.direct.survey import AddressSurvey
from zentalk.errors import DecodeError, UnavailableError
from zentalk.net.datagrams import Address, Datagrams
from zentalk.net.own_addresses import own_addresses
from zentalk.net.path_session import PathSession
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.wire.beacon import NEAR_OFFER
from zentalk.wire.direct import DirectOffer, decode_probe

MAX_SESSIONS: Final = 64
"""Paths at one port, found or searched for."""


class Surroundings(NamedTuple):
    """The places of a node, as far as it knows them."""

    places: OwnPlaces
    subnets: tuple[Subnet, ...]
    """Those of its own addresses, in which contacts may name a place to be probed."""


def _nobody(_data: bytes, _source: Address) -> None:
    """Nobody reads the offers of a local network."""


class PathFinder:
    """Finds and keeps paths over one port, while `run` runs."""

    def __init__(
        self,
        datagrams: Datagrams,
        runtime: Runtime,
        others: Callable[[bytes, Address], None] = _nobody,
    ) -> None:
        self._datagrams = datagrams
        self._runtime = runtime
        self._others = others
        self._nursery: trio.Nursery | None = None
        self._sessions: dict[bytes, PathSession] = {}
        self._surveys: dict[AddressSurvey, Signal] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Receive what comes at the port, until that is closed or this cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                try:
                    await self._receive()
                finally:
                    self._nursery = None
                nursery.cancel_scope.cancel()
        finally:
            for session in self._sessions.values():
                session.end()

    async def _receive(self) -> None:
        while True:
            try:
                data, source = await self._datagrams.receive()
            except trio.ClosedResourceError:
                return
            self._take(data, source)

    async def look_around(self, network: str, relays: Sequence[Address]) -> Surroundings:
        """Ask relays for our address: takes three seconds at most, and less if all answer.

        Each relay that is asked learns that this address wants a direct connection.
        """
        survey = AddressSurvey(network, relays, self._runtime.entropy, self._runtime.monotonic())
        answered = self._surveys[survey] = Signal()
        try:
            while (following := survey.next_at) is not None:
                for question, place in survey.wake(self._runtime.monotonic()):
                    await self._datagrams.send(question, place)
                await answered.wait(following - self._runtime.monotonic())
        finally:
            del self._surveys[survey]
        addresses = await own_addresses(relays)
        local = [(address, self._datagrams.local_port) for address in addresses]
        subnets = tuple(dict.fromkeys(map(own_subnet, addresses)))
        return Surroundings(own_places(local, survey.echoed), subnets)

    @contextmanager
    def session(
        self, own: DirectOffer, theirs: DirectOffer, subnets: Iterable[Subnet]
    ) -> Iterator[PathSession]:
        """Search for a path, and keep it for the length of the block.

        Raises UnavailableError if there are too many, or `run` does not run; RemoteProtocolError if
        the contact's offer is our own; LocalProtocolError if the offers are of two sessions.
        """
        runtime = self._runtime
        punch = Punch(own, theirs, subnets, runtime.entropy, runtime.monotonic())
        if self._nursery is None:
            raise UnavailableError("the port for direct connections is closed")
        if len(self._sessions) >= MAX_SESSIONS:
            raise UnavailableError("there are too many direct connections: end one of them first")
        session = self._sessions[punch.tag] = PathSession(punch, runtime.monotonic)
        self._nursery.start_soon(self._send, session)
        try:
            yield session
        finally:
            session.end()
            del self._sessions[punch.tag]

    async def _send(self, session: PathSession) -> None:
        try:
            await session.run(self._datagrams)
        except trio.ClosedResourceError:
            session.end()

    def _take(self, data: bytes, source: Address) -> None:
        if data[:1] == bytes((NEAR_OFFER,)):
            self._others(data, source)
            return
        for survey, answered in self._surveys.items():
            if survey.receive(data, source):
                answered.set()
                return
        try:
            session = self._sessions.get(decode_probe(data).tag)
        except DecodeError:
            return
        if session is not None:
            session.take(data, source)

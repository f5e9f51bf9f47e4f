"""Opens tunnels: questions over short ones, collection over long ones.

Spec: docs/spec/link.md section 10. A tunnel starts at a connected guard and never ends at
that guard. It must never be shortened because a relay is dead: then another route is
tried, and in the end the caller is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from zentalk.crypto.types import Entropy
from zentalk.errors import (
    LINK_FAULTS,
    REQUEST_FAULTS,
    LinkClosedError,
    RefusedError,
    TransportError,
    UnavailableError,
    ZentalkError,
)
from zentalk.ids import NodeId
from zentalk.net.backoff import full_jitter
from zentalk.net.connection import Connection, Handlers, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.tunnel import open_tunnel
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.second_hops import SecondHops, TunnelRoute

QUESTIONS_PER_GUARD: Final = 5
"""A client link carries 8 streams; up to 3 are left for collection."""
OPEN_SECONDS: Final = 45.0
"""For all attempts together; one OPEN or inner handshake has 10 s of its own."""
ATTEMPTS: Final = 3
"""Routes that may fail before the caller is told; `busy` does not count."""
BUSY: Final = "busy"
_UNREACHABLE: Final = "unreachable"
"""What a relay says that could not reach the next one itself."""
BUSY_FIRST_SECONDS: Final = 1.0
BUSY_LONGEST_SECONDS: Final = 60.0


class Tunnels:
    """Tunnels of one node; `run` must be running for questions."""

    def __init__(
        self,
        network: str,
        runtime: Runtime,
        *,
        links: GuardLinks,
        second_hops: SecondHops,
        hints: RelayScores,
        view: Callable[[], RelayView],
    ) -> None:
        self._network = network
        self._runtime = runtime
        self._links = links
        self._second_hops = second_hops
        self._hints = hints
        self._view = view
        self._nursery: trio.Nursery | None = None
        self._questions: dict[NodeId, int] = {}
        self._lasting: list[tuple[Connection, frozenset[NodeId]]] = []
        self._changes = trio.lowlevel.ParkingLot()

    async def run(self) -> None:
        """Carry the tasks of question tunnels, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def changed(self) -> None:
        """Guards or relays have changed: whoever waits for a route looks again."""
        self._changes.unpark_all()

    @asynccontextmanager
    async def question(
        self, node_id: NodeId, guard: NodeId | None = None
    ) -> AsyncIterator[Connection]:
        """A tunnel to a relay for a few questions, over `guard` if it is given.

        Raises UnavailableError if there is no route in time, TransportError if the relay
        cannot be reached.
        """
        if self._nursery is None:
            raise UnavailableError("the network is not running")
        ways = _Ways(guard, lasting=False)
        route, tunnel = await self._open(node_id, ways, NoHandlers(), self._nursery)
        try:
            yield tunnel
        finally:
            tunnel.close()
            self._give_back(route, ways)

    async def lasting(
        self, node_id: NodeId, handlers: Handlers, nursery: trio.Nursery
    ) -> Connection:
        """Open a tunnel for collection; the caller closes it. Raises as `question`."""
        ways = _Ways(None, lasting=True)
        route, tunnel = await self._open(node_id, ways, handlers, nursery)
        self._lasting = [kept for kept in self._lasting if not kept[0].closed.is_set()]
        self._lasting.append((tunnel, frozenset({node_id, *route.relays})))
        return tunnel

    def relays_of_lasting(self) -> frozenset[NodeId]:
        """Return the relays on tunnels for collection that are open now: they are alive."""
        open_now = (relays for tunnel, relays in self._lasting if not tunnel.closed.is_set())
        return frozenset().union(*open_now)

    async def _open(
        self, node_id: NodeId, ways: _Ways, handlers: Handlers, nursery: trio.Nursery
    ) -> tuple[TunnelRoute, Connection]:
        """Try routes until one carries."""
        patience = _Patience(self._runtime.entropy)
        with trio.move_on_after(OPEN_SECONDS):
            while True:
                route = await self._take_route(node_id, ways)
                try:
                    return route, await self._build(route, node_id, handlers, nursery)
                except REQUEST_FAULTS as error:
                    self._give_back(route, ways)
                    wait = patience.next_wait(error)
                except BaseException:
                    self._give_back(route, ways)
                    raise
                await trio.sleep(wait)
        raise UnavailableError("there was no tunnel to a relay in time")

    async def _take_route(self, node_id: NodeId, ways: _Ways) -> TunnelRoute:
        """Return a route, waiting for a guard other than the end if there is none."""
        while True:
            view = self._view()
            if view.relays and node_id not in view.relays:
                raise UnavailableError("a relay is not known at present")
            connected = self._links.connected()
            if ways.guard is not None and ways.guard not in connected:
                raise UnavailableError("a guard is not connected")
            guards = [g for g in connected if ways.guard in (None, g) and self._is_free(g, ways)]
            now = self._runtime.monotonic()
            choose = self._second_hops.choose_lasting if ways.lasting else self._second_hops.choose
            route = choose(node_id, guards, view, now) if view.relays else None
            if route is not None:
                if not ways.lasting:
                    self._questions[route.guard] = self._questions.get(route.guard, 0) + 1
                return route
            await self._changes.park()

    def _is_free(self, guard: NodeId, ways: _Ways) -> bool:
        return ways.lasting or self._questions.get(guard, 0) < QUESTIONS_PER_GUARD

    def _give_back(self, route: TunnelRoute, ways: _Ways) -> None:
        if not ways.lasting:
            self._questions[route.guard] -= 1
            self.changed()

    async def _build(
        self, route: TunnelRoute, node_id: NodeId, handlers: Handlers, nursery: trio.Nursery
    ) -> Connection:
        """Build a tunnel along a route; what fails on the way is held against its relays."""
        link = self._links.link(route.guard)
        if link is None:
            raise LinkClosedError("the link to a guard is closed")
        if route.middle is None:
            return await self._extend(link, (route.guard, node_id), handlers, nursery)
        middle = await self._extend(link, (route.guard, route.middle), NoHandlers(), nursery)
        hops = (route.guard, route.middle, node_id)
        try:
            end = await self._extend(middle, hops, handlers, nursery)
        except BaseException:
            middle.close()
            raise
        nursery.start_soon(_close_with, end, middle)
        return end

    async def _extend(
        self,
        outer: Connection,
        hops: tuple[NodeId, ...],
        handlers: Handlers,
        nursery: trio.Nursery,
    ) -> Connection:
        """Go on from `outer` to the last of `hops`."""
        descriptor = self._view().relays.get(hops[-1])
        if descriptor is None:
            raise UnavailableError("a relay is not known at present")
        try:
            return await open_tunnel(
                outer,
                [descriptor.uri],
                network=self._network,
                handlers=handlers,
                runtime=self._runtime,
                nursery=nursery,
            )
        except RefusedError as error:
            if error.reason == _UNREACHABLE:
                self._hints.unreachable(hops[-1], self._runtime.monotonic())
            raise
        except LINK_FAULTS:
            if self._links.link(hops[0]) is not None:
                self._hints.lost(hops, (), self._runtime.monotonic())
            raise


@dataclass(frozen=True, slots=True)
class _Ways:
    """Which routes a caller wants: over one guard only, and whether the tunnel is to last."""

    guard: NodeId | None
    lasting: bool


class _Patience:
    """How long to wait after a failed attempt, and when to give up."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._busy = self._failed = 0

    def next_wait(self, error: ZentalkError) -> float:
        """Return seconds to wait; raises TransportError after the last attempt."""
        if isinstance(error, RefusedError) and error.reason == BUSY:
            self._busy += 1
            return full_jitter(
                self._busy - 1, BUSY_FIRST_SECONDS, BUSY_LONGEST_SECONDS, self._entropy
            )
        self._failed += 1
        if self._failed >= ATTEMPTS:
            raise TransportError("a relay cannot be reached now") from error
        return 0.0


async def _close_with(end: Connection, middle: Connection) -> None:
    await end.closed.wait()
    middle.close()

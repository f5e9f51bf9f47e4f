"""Opens tunnels: short ones for a few requests, lasting ones for collection.

Spec: docs/spec/link.md section 10. A tunnel starts at a connected guard and never ends at
that guard. It must never be shortened because a relay is dead: then another route is
tried, and in the end the caller is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias

import trio

from zentalk.errors import (
    LINK_FAULTS,
    REQUEST_FAULTS,
    LinkClosedError,
    RefusedError,
    UnavailableError,
)
from zentalk.ids import MailboxId, NodeId
from zentalk.link.hello import ClientCredentials
from zentalk.net.connection import Connection, Handlers, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.tunnel import open_tunnel
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import CurrentRelays
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.patience import Patience
from zentalk.node.tunnels.routes import Starts, TunnelRoute, TunnelRoutes
from zentalk.node.tunnels.third_hops import ThirdHops
from zentalk.wire.codec import Value

SHORT_PER_GUARD: Final = 5
"""A client link carries 8 streams; up to 3 are left for collection."""
OPEN_SECONDS: Final = 45.0
"""For all attempts together; one OPEN or inner handshake has 10 s of its own."""
_UNREACHABLE: Final = "unreachable"
"""What a relay says that could not reach the next one itself."""


class RequestLink(Protocol):
    """The innermost link of a short tunnel."""

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Send a request, and return the body of its response; raises TransportError."""
        ...

    def notify(self, body: bytes) -> None:
        """Send what has no response; raises LinkClosedError."""


TunnelOpener: TypeAlias = Callable[[NodeId], AbstractAsyncContextManager[RequestLink]]
"""Opens a link to the relay named, over whatever way, and closes it when its block ends."""


def _no_token(_relay: NodeId) -> None:
    return None


class Tunnels:
    """Tunnels of one node over its guards' `links`; `run` must be running for short ones.

    `scores` say how well relays answer; `third_hops` are those that were saved; `token_of` returns
    our access token of a relay.
    """

    def __init__(
        self,
        network: str,
        runtime: Runtime,
        links: GuardLinks,
        relays: CurrentRelays,
        third_hops: Value = None,
        token_of: Callable[[NodeId], ClientCredentials | None] = _no_token,
    ) -> None:
        self._token_of = token_of
        self.links = links
        self.third_hops = ThirdHops(runtime.wall, runtime.entropy, third_hops)
        self.scores = RelayScores()
        self._network = network
        self._runtime = runtime
        self._relays = relays
        self._routes = TunnelRoutes(
            middles=links.selection.middles,
            scores=self.scores,
            third_hops=self.third_hops,
            entropy=runtime.entropy,
        )
        self._nursery: trio.Nursery | None = None
        self._short: dict[NodeId, int] = {}
        self._lasting: list[tuple[Connection, frozenset[NodeId]]] = []

    async def run(self) -> None:
        """Carry the tasks of short tunnels, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    @property
    def related(self) -> bool:
        """Whether the last route had to pass two relays of one operator or /16."""
        return self._routes.related

    @asynccontextmanager
    async def short(
        self, node_id: NodeId, guard: NodeId | None = None
    ) -> AsyncIterator[Connection]:
        """Open a tunnel to a relay for a few requests, over `guard` if it is given.

        Raises UnavailableError if there is no route in time, TransportError if the relay
        cannot be reached.
        """
        if self._nursery is None:
            raise UnavailableError("the network is not running")
        ways = _Ways(guard)
        route, tunnel = await self._open(node_id, ways, NoHandlers(), self._nursery)
        try:
            yield tunnel
        finally:
            tunnel.close()
            self._give_back(route, ways)

    async def lasting(
        self, node_id: NodeId, mailbox: MailboxId, handlers: Handlers, nursery: trio.Nursery
    ) -> Connection:
        """Open a tunnel to collect a mailbox; the caller closes it. Raises as `short`."""
        ways = _Ways(None, mailbox)
        route, tunnel = await self._open(node_id, ways, handlers, nursery)
        self.links.changes.unpark_all()  # a third hop that was drawn is to be saved
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
        patience = Patience(self._runtime.entropy)
        with trio.move_on_after(OPEN_SECONDS):
            while True:
                route = await self._take_route(node_id, ways)
                try:
                    hello = self._token_of(node_id) if ways.mailbox is not None else None
                    return route, await self._build(route, node_id, _End(handlers, hello), nursery)
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
            view = self._relays.view()
            if view.relays and node_id not in view.relays:
                raise UnavailableError("a relay is not known at present")
            connected = self.links.connected()
            if ways.guard is not None and ways.guard not in connected:
                raise UnavailableError("a guard is not connected")
            guards = [g for g in connected if ways.guard in (None, g) and self._is_free(g, ways)]
            others = [g for g in connected if g not in guards]
            starts = Starts(guards, view, self._runtime.monotonic(), others)
            route = self._routes.choose(node_id, starts, ways.mailbox) if guards else None
            if route is not None:
                if ways.mailbox is None:
                    self._short[route.guard] = self._short.get(route.guard, 0) + 1
                return route
            await self.links.changes.park()

    def _is_free(self, guard: NodeId, ways: _Ways) -> bool:
        return ways.mailbox is not None or self._short.get(guard, 0) < SHORT_PER_GUARD

    def _give_back(self, route: TunnelRoute, ways: _Ways) -> None:
        if ways.mailbox is None:
            self._short[route.guard] -= 1
            self.links.changes.unpark_all()

    async def _build(
        self, route: TunnelRoute, node_id: NodeId, end: _End, nursery: trio.Nursery
    ) -> Connection:
        """Build a tunnel along a route; what fails on the way is held against its relays."""
        link = self.links.link(route.guard)
        if link is None:
            raise LinkClosedError("the link to a guard is closed")
        hops, built = (*route.relays, node_id), list[Connection]()
        outer = link
        try:
            for depth in range(2, len(hops) + 1):
                last = depth == len(hops)
                outer = await self._extend(
                    outer, hops[:depth], end if last else _End(NoHandlers()), nursery
                )
                built.append(outer)
        except BaseException:
            for between in built:
                between.close()
            raise
        if len(built) > 1:
            nursery.start_soon(_close_with, outer, built[:-1])
        return outer

    async def _extend(
        self,
        outer: Connection,
        hops: tuple[NodeId, ...],
        end: _End,
        nursery: trio.Nursery,
    ) -> Connection:
        """Go on from `outer` to the last of `hops`."""
        descriptor = self._relays.view().relays.get(hops[-1])
        if descriptor is None:
            raise UnavailableError("a relay is not known at present")
        try:
            link = await open_tunnel(
                outer,
                [descriptor.uri],
                network=self._network,
                handlers=end.handlers,
                runtime=self._runtime,
                nursery=nursery,
                hello=end.hello,
            )
        except RefusedError as error:
            if error.reason == _UNREACHABLE:
                self.scores.unreachable(hops[-1], self._runtime.monotonic(), by=hops[-2])
            raise
        except LINK_FAULTS:
            if self.links.link(hops[0]) is not None:
                self.scores.lost(hops, (), self._runtime.monotonic())
            raise
        self.scores.reached(hops[-1])
        return link


class _End(NamedTuple):
    """Our side of the link at a tunnel's end; a token is shown only to collect."""

    handlers: Handlers
    hello: ClientCredentials | None = None


@dataclass(frozen=True, slots=True)
class _Ways:
    """Which routes a caller wants: over one guard only, or to collect a mailbox."""

    guard: NodeId | None
    mailbox: MailboxId | None = field(default=None, repr=False)


async def _close_with(end: Connection, between: Sequence[Connection]) -> None:
    await end.closed.wait()
    for link in reversed(between):
        link.close()

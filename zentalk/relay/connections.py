"""Every connection of a relay, from its first byte to its end, and what it brings in.

Clients may ask the directory, the mailboxes and the shards, relays only the directory. Nothing of
what passes is kept. A bug that one connection meets ends that connection alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, NamedTuple

import trio

from zentalk.net.connection import Connection
from zentalk.net.dialling import RelayDialler
from zentalk.net.dispatch import Dispatcher
from zentalk.net.resources import LinkResources
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect, serve
from zentalk.net.streams import LinkStream
from zentalk.net.transport import ByteStream
from zentalk.net.turns import LinkTurn
from zentalk.relay.access.doorkeeper import Doorkeeper
from zentalk.relay.directory.service import DirectoryService
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.tunnels import ServeInner, TunnelService
from zentalk.relay.keys.mix_keys import OwnKeys
from zentalk.relay.links.admission import place_of
from zentalk.relay.links.capacity import LinkCapacity
from zentalk.relay.links.neighbours import RelayLinks
from zentalk.relay.links.reachability import Reachability
from zentalk.relay.links.stream_holders import Principal
from zentalk.relay.mailbox.service import MailboxService
from zentalk.relay.metrics import Counters, contained
from zentalk.relay.shards.service import ShardService
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.frames import Open
from zentalk.wire.text import RelayUri

RELAY_WEIGHT: Final = 8
"""The link of a neighbour counts as so many sources when turns and handshakes are given: it
carries many people's traffic."""
TOLD_AT_ONCE: Final = 8
"""Connections of banned addresses that are told so; all others just end."""


class RelayServices(NamedTuple):
    """The parts of a relay that connections lead to."""

    links: RelayLinks
    router: Router
    tunnels: TunnelService
    directory: DirectoryService
    mailboxes: MailboxService
    shards: ShardService
    reachability: Reachability
    doorkeeper: Doorkeeper


class LinkHandlers:
    """The handlers of all connections that belong to one lane."""

    def __init__(self, lane: int, services: RelayServices, serve_inner: ServeInner) -> None:
        self._lane = lane
        self._router = services.router
        self._tunnels = services.tunnels
        self._serve_inner = serve_inner
        self._for_clients = Dispatcher.of(services.directory, services.mailboxes, services.shards)
        self._for_relays = Dispatcher.of(services.directory)

    def packet_received(self, connection: Connection, packet: bytes, /) -> None:
        """Peel it with this lane's key."""
        self._router.packet_received(packet, self._lane, connection.account)

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        """Return the response; raises RemoteProtocolError if the peer broke the rules."""
        return await self._dispatcher(connection).request(connection, body)

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        """Take a notification; raises RemoteProtocolError if the peer broke the rules."""
        self._dispatcher(connection).notify(connection, body)

    async def stream_opened(
        self, connection: Connection, request: Open, stream: LinkStream, /
    ) -> None:
        """Carry a tunnel; raises RefusedError."""
        await self._tunnels.stream_opened(connection, request, stream, self._serve_inner)

    def _dispatcher(self, connection: Connection) -> Dispatcher:
        return self._for_clients if connection.peer.is_client else self._for_relays


class RelayConnections:
    """All connections of one relay, accepted, dialled and inside tunnels."""

    def __init__(
        self,
        runtime: Runtime,
        dialler: RelayDialler,
        keys: OwnKeys,
        capacity: LinkCapacity,
        counters: Counters,
        services: RelayServices,
    ) -> None:
        self._runtime = runtime
        self._dialler = dialler
        self._keys = keys
        self._capacity = capacity
        self._counters = counters
        self._services = services
        self._handlers = [
            LinkHandlers(lane, services, self._serve_inner) for lane in range(len(keys.peelers))
        ]
        self.open: set[Connection] = set()
        """Those that were accepted, or run inside a tunnel that ends here."""
        self.draining = False
        self._told = 0

    async def accept(self, lane: int, stream: ByteStream, source: str) -> None:
        """Serve a connection that came in at a lane's port, until it ends."""
        if self.draining:
            return
        if self._services.doorkeeper.ban(source) is not None:
            await self._tell_banned(lane, stream, source)
            return
        admission = self._capacity.admission
        with trio.CancelScope() as scope:
            slot = admission.enter(source, partial(self._evict, scope))
            if isinstance(slot, str):
                self._counters.refuse(slot)
                return
            self._counters.connections_accepted += 1
            turn = self._capacity.turns.link(slot.source)

            def opened(connection: Connection) -> None:
                admission.opened(slot, connection)
                if connection.peer.node_id is not None:
                    turn.move(connection.peer.node_id, RELAY_WEIGHT)

            resources = self._capacity.resources(slot.source, turn)
            try:
                if await self._may_shake_hands(slot.source):
                    await self._serve(stream, lane, resources, source=source, on_open=opened)
            finally:
                turn.leave()
                admission.leave(slot)

    async def _tell_banned(self, lane: int, stream: ByteStream, source: str) -> None:
        """Shake hands and end the link with the reason, if nobody has to wait for that."""
        place = place_of(source)
        if self._told >= TOLD_AT_ONCE:
            return
        if self._capacity.handshakes.wait_seconds(place, self._runtime.monotonic()) != 0:
            return
        self._told += 1
        try:
            await self._serve(stream, lane, self._capacity.resources(place), source=source)
        finally:
            self._told -= 1

    async def connect(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        """Dial another relay; its connection lives in `nursery`.

        Raises TransportError or RemoteProtocolError if there is no link to be had.
        """
        stream, address = await self._dialler.reach(uri.host, uri.port)
        node_id = node_id_of(uri.identity)
        turn = self._capacity.turns.link(node_id, RELAY_WEIGHT)
        try:
            connection = await connect(
                stream,
                network=self._keys.network,
                relay_identity=uri.identity,
                hello=self._keys.credentials,
                handlers=self._handlers[0],
                runtime=self._runtime,
                nursery=nursery,
                resources=self._capacity.resources(node_id, turn),
                guard=partial(contained, self._counters),
            )
        except BaseException:
            turn.leave()
            raise
        nursery.start_soon(_leave_when_closed, connection, turn)
        self._services.directory.reached_at(uri, address)
        return connection

    def drain(self) -> None:
        """Take nothing new; let every connection send what it has queued, and end."""
        self.draining = True
        self._services.links.close_all()
        for connection in list(self.open):
            connection.close()

    def _evict(self, scope: trio.CancelScope) -> None:
        self._counters.refuse("evicted")
        scope.cancel()

    async def _may_shake_hands(self, origin: Hashable, weight: int = 1) -> bool:
        """Wait for the turn of a handshake; False if it would take too long."""
        wait = self._capacity.handshakes.wait_seconds(origin, self._runtime.monotonic(), weight)
        if wait is None:
            self._counters.refuse("handshake-rate")
            return False
        if wait:
            await trio.sleep(wait)
        return True

    async def _serve_inner(self, stream: ByteStream, depth: int, principal: Principal) -> None:
        if await self._may_shake_hands(principal, RELAY_WEIGHT):
            await self._serve(stream, 0, self._capacity.resources(principal), depth=depth)

    async def _serve(
        self,
        stream: ByteStream,
        lane: int,
        resources: LinkResources,
        *,
        depth: int = 0,
        source: str = "",
        on_open: Callable[[Connection], None] | None = None,
    ) -> None:
        mine: list[Connection] = []

        def opened(connection: Connection) -> None:
            mine.append(connection)
            self.open.add(connection)
            if not self._services.doorkeeper.admit(connection, source):
                return
            if on_open is not None:
                on_open(connection)
            if not connection.peer.is_client:
                self._relay_opened(connection)

        try:
            with contained(self._counters):
                await serve(
                    stream,
                    network=self._keys.network,
                    identity=self._keys.identity,
                    handlers=self._handlers[lane],
                    runtime=self._runtime,
                    on_open=opened,
                    on_failure=partial(self._counters.refuse, "handshake"),
                    depth=depth,
                    resources=resources,
                )
        finally:
            for connection in mine:
                self.open.discard(connection)
                self._services.doorkeeper.left(connection)
                self._services.mailboxes.connection_lost(connection)

    def _relay_opened(self, connection: Connection) -> None:
        """Share the link of a relay, or end it if the directory will never have that relay."""
        directory = self._services.directory
        if directory.refuses(connection):
            self._counters.refuse("relay")
            connection.close()
            return
        directory.relay_connected(connection)
        self._services.links.register(connection)
        if connection.depth == 0 and connection.peer.node_id is not None:
            self._services.reachability.dialled_by(connection.peer.node_id, connection)


async def _leave_when_closed(connection: Connection, turn: LinkTurn) -> None:
    await connection.closed.wait()
    turn.leave()

"""How the parts of one relay are put together, once its ports and keys exist.

Wiring only: each part gets what it may use and nothing else. Times, limits and rules are
in the parts themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from zentalk.config import RelaySettings
from zentalk.ids import NodeId
from zentalk.link.hello import RelayCredentials
from zentalk.net.connection import Connection
from zentalk.net.pump import NO_TURN
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect, serve
from zentalk.net.transport import ByteStream, Network
from zentalk.net.turns import LinkTurn, Turns
from zentalk.relay.connections import LinkHandlers, dispatcher_of
from zentalk.relay.containment import contained
from zentalk.relay.directory.service import DirectoryService
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.relay.keys.identity import RelayIdentity
from zentalk.relay.keys.mix_keys import OwnKeys
from zentalk.relay.links.admission import Admission, ConnectionSlot
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.neighbours import RelayLinks
from zentalk.relay.mailbox.service import MailboxService
from zentalk.relay.metrics import Counters
from zentalk.relay.storage import Stores, mailbox_settings
from zentalk.wire.deposit import AckRoute
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

MAIL_SHARE: Final = 0.5
"""Of the budget: mail on its way to the disk or to its owner, and mail that lies in memory."""
RELAY_WEIGHT: Final = 8
"""How many sources' turns the link of a neighbour counts for: it carries many people's traffic."""


class Parts:
    """All parts of a running relay, and what happens to each connection."""

    def __init__(
        self,
        settings: RelaySettings,
        runtime: Runtime,
        network: Network,
        *,
        identity: RelayIdentity,
        keys: OwnKeys,
        stores: Stores,
        own_outdated: Callable[[int], None],
        max_links: int,
    ) -> None:
        self.counters = Counters()
        self.connections: set[Connection] = set()
        self.draining = False
        # The replay filters may take the other half (`zentalk.relay.keys.mix_keys`).
        self.budget = MemoryBudget(settings.memory_bytes // 2)
        self.turns = Turns()
        self.admission = Admission(settings.network, max_links, self.budget)
        self._settings = settings
        self._runtime = runtime.for_part("connections")
        self._network = network
        self._identity = identity
        self._keys = keys
        self.links = RelayLinks(
            runtime.for_part("links"),
            connect=self._connect,
            resolve=self._resolve,
            hints=self._hints,
            counters=self.counters,
        )
        self.directory = DirectoryService(
            runtime.for_part("directory"),
            stores.directory,
            self.links,
            lambda: keys.descriptor,
            settings.bootstraps,
            id_difficulty=settings.id_difficulty,
            own_outdated=own_outdated,
        )
        self.mailboxes = MailboxService(
            runtime.for_part("mailboxes"),
            stores.mailboxes,
            mailbox_settings(settings),
            identity.node_id,
            self._send_ack,
            self.budget.account(MAIL_SHARE, greedy=False),
        )
        self.router = Router(
            runtime.for_part("router"),
            node_id=identity.node_id,
            peelers=keys.peelers,
            links=self.links,
            services=self.mailboxes,
            counters=self.counters,
            budget=self.budget,
        )
        self._handlers = self._make_handlers(len(keys.peelers))

    def _make_handlers(self, lanes: int) -> list[LinkHandlers]:
        tunnels = TunnelService(
            node_id=self._identity.node_id,
            verified=self._resolve,
            links=self.links,
            serve_inner=self._serve_inner,
            admission=self.admission,
            counters=self.counters,
        )
        for_clients = dispatcher_of(self.directory, self.mailboxes)
        for_relays = dispatcher_of(self.directory)
        return [
            LinkHandlers(
                lane=lane,
                router=self.router,
                tunnels=tunnels,
                for_clients=for_clients,
                for_relays=for_relays,
            )
            for lane in range(lanes)
        ]

    async def accept(self, lane: int, stream: ByteStream, source: str) -> None:
        """Serve a connection that came in at a lane's port, until it ends."""
        if self.draining:
            return
        with trio.CancelScope() as scope:

            def evict() -> None:
                self.counters.refuse("evicted")
                scope.cancel()

            seat = self.admission.enter(source, evict)
            if isinstance(seat, str):
                self.counters.refuse(seat)
                return
            self.counters.connections_accepted += 1
            turn = self.turns.link(self.admission.source_of(source))
            try:
                await self._serve(stream, lane, seat=seat, turn=turn)
            finally:
                turn.leave()
                self.admission.leave(seat)

    def drain(self) -> None:
        """Take nothing new; let every connection send what it has queued, and end."""
        self.draining = True
        self.links.close_all()
        for connection in list(self.connections):
            connection.close()

    async def _serve_inner(self, stream: ByteStream, depth: int) -> None:
        await self._serve(stream, 0, depth=depth)

    async def _serve(
        self,
        stream: ByteStream,
        lane: int,
        *,
        depth: int = 0,
        seat: ConnectionSlot | None = None,
        turn: LinkTurn | None = None,
    ) -> None:
        opened: list[Connection] = []

        def on_open(connection: Connection) -> None:
            opened.append(connection)
            self.connections.add(connection)
            if seat is not None:
                self.admission.opened(seat, connection)
            if turn is not None and connection.peer.node_id is not None:
                turn.move(connection.peer.node_id, RELAY_WEIGHT)
            if not connection.peer.is_client and self.directory.relay_connected(connection):
                self.links.register(connection)

        try:
            with contained(self.counters):
                await serve(
                    stream,
                    network=self._settings.network,
                    identity=self._identity.key,
                    handlers=self._handlers[lane],
                    runtime=self._runtime,
                    on_open=on_open,
                    depth=depth,
                    account=self.budget.account(),
                    turn=turn or NO_TURN,
                )
        finally:
            for connection in opened:
                self.connections.discard(connection)
                self.mailboxes.connection_lost(connection)

    async def _connect(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        stream = await self._network.dial(uri.host, uri.port)
        turn = self.turns.link(node_id_of(uri.identity), RELAY_WEIGHT)
        try:
            connection = await connect(
                stream,
                network=self._settings.network,
                relay_identity=uri.identity,
                hello=RelayCredentials(self._keys.descriptor.raw, self._identity.key),
                handlers=self._handlers[0],
                runtime=self._runtime,
                nursery=nursery,
                account=self.budget.account(),
                turn=turn,
                guard=partial(contained, self.counters),
            )
        except BaseException:
            turn.leave()
            raise
        nursery.start_soon(_leave_when_closed, connection, turn)
        return connection

    def _resolve(self, node_id: NodeId) -> Descriptor | None:
        return self.directory.descriptor_of(node_id)

    def _hints(self, node_id: NodeId) -> list[RelayUri]:
        return self.directory.hints_of(node_id)

    def _send_ack(self, route: AckRoute) -> None:
        self.router.send_ack(route)


async def _leave_when_closed(connection: Connection, turn: LinkTurn) -> None:
    await connection.closed.wait()
    turn.leave()

"""Alice and Bob on one way: TCP, WebSockets, or directly. Tests take `autojump_clock` as well.

A WebSocket goes through the HTTP server of a relay as it is, over a stream in memory instead of a
socket.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.e2e.test_direct import Crossing, agree, until_direct
from tests.e2e.world import World
from zentalk.net.transport import ByteStream
from zentalk.relay_http.door import Door
from zentalk.relay_http.link_socket import LINK_PATH, LinkSocket
from zentalk.relay_http.server import LIMITS
from zentalk.web.connection import HttpConnection
from zentalk.web.peer import READ_BYTES, Peer
from zentalk.web.server_state import ServerState
from zentalk.web.slots import ConnectionSlots
from zentalk.wire.text import RelayUri, Scheme

TCP, WEB, DIRECT = "tcp", "websocket", "direct"
WAYS = (TCP, WEB, DIRECT)
RELAYS = 3
_PORT = 8080


class _StreamPeer(Peer):
    """The other end of a connection in memory."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.ended = self.gone = False

    async def read(self) -> bytes:
        data = b""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            data = await self._stream.receive_some(READ_BYTES)
        self.ended = not data
        return data

    async def write(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.gone = True

    async def linger(self) -> None:
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        self.gone = True  # the listener closes the stream


class OneWay:
    """Two people who have one way to each other; make it with `start`."""

    def __init__(self, world: World, way: str) -> None:
        self.world = world
        self.way = way

    @classmethod
    async def start(cls, world: World, way: str, **settings: Any) -> OneWay:
        """Run relays with these settings, and both people, who have written to each other."""
        made = cls(world, way)
        if way == DIRECT:
            world.make_ways = Crossing(world.nursery).ways
        for number in range(1, RELAYS + 1):
            await made._relay(f"r{number}", settings)
        for name in ("alice", "bob"):
            await made.person(name)
        await world.friends("alice", "bob")
        for writer, reader in (("alice", "bob"), ("bob", "alice")):
            await world.until_state(writer, await world.send(writer, reader, "hello"), "delivered")
        if way == DIRECT:
            await agree(world, "alice", "bob")
        return made

    async def person(self, name: str, **settings: Any) -> None:
        """Start somebody who may use this way to relays only."""
        if self.way == WEB:
            uris = list(self.world.uris.values())[:2]
            web = [uri._replace(port=_PORT, scheme=Scheme.WS, path=LINK_PATH) for uri in uris]
            settings = {"bootstraps": tuple(web), "reach_relays_by": WEB} | settings
        await self.world.person(name, **settings)

    async def connected(self) -> None:
        """Wait for the direct way, where it is the one; of others there is none to wait for."""
        if self.way == DIRECT:
            await until_direct(self.world, "alice", "bob")

    async def passes(self, text: str) -> None:
        """Let Alice write, and see that what she writes takes this way alone."""
        world = self.world
        await self.connected()
        schemes = {uri.scheme for name in ("alice", "bob") for uri in self._entries(name)}
        assert schemes == {Scheme.WS if self.way == WEB else Scheme.TCP}
        await trio.sleep(10)  # what was on its way is there
        before = self.deposited()
        await world.until_state("alice", await world.send("alice", "bob", text), "delivered")
        assert (self.deposited() == before) == (self.way == DIRECT)

    def deposited(self) -> int:
        """Return how many copies relays took for mailboxes."""
        return sum(relay.stats().deposited for relay in self.world.relays.values())

    def _entries(self, name: str) -> list[RelayUri]:
        dialer = self.world.nodes[name]._network._dialer
        found = [dialer.reached(uri.identity) for uri in self.world.uris.values()]
        return [uri for uri in found if uri is not None]

    async def _relay(self, name: str, settings: dict[str, Any]) -> None:
        world = self.world
        if self.way != WEB:
            await world.relay(name, **settings)
            return
        place = f"ws://{name}:{_PORT}{LINK_PATH}"
        relay = await world.relay(name, http=True, announce_websockets=(place,), **settings)
        runtime = world.runtime.for_part(f"http {name}")
        links = LinkSocket(
            Door(runtime, relay.node_id, ""), partial(relay.wiring.connections.accept, 0)
        )
        app = Starlette(routes=[WebSocketRoute(LINK_PATH, links)])
        listener = await world.memory.host(name).listen(name, _PORT)
        slots, state = ConnectionSlots(LIMITS), ServerState(trio.current_time)

        async def serve(stream: ByteStream, source: str) -> None:
            place = slots.take(source)
            assert place is not None
            addresses = ((source, 1), (name, _PORT))
            await HttpConnection(app, state, _StreamPeer(stream), addresses, place).run()
            place.leave()

        world.nursery.start_soon(listener.serve, serve)

"""A relay that takes links in WebSockets, on a real socket."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.net.support import Relay
from tests.web.served import served
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream, Handler
from zentalk.relay_http.door import Door
from zentalk.relay_http.link_socket import LINK_PATH, LinkSocket
from zentalk.web.peer import Peer
from zentalk.web.slots import ConnectionLimits
from zentalk.wire.text import RelayUri, Scheme

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def relay_behind_http(
    limits: ConnectionLimits = ConnectionLimits(count_websockets=False),  # noqa: B008 - a constant
    sources: list[str] | None = None,
    make_peer: Callable[[socket.socket], Peer] = Peer,
) -> AsyncIterator[tuple[Relay, RelayUri]]:
    """Yield a relay and where it takes WebSockets.

    With `sources` it believes proxies, and what it counts links against is added there.
    """
    relay = Relay("relay", TcpNetwork(), Runtime.real())
    async with trio.open_nursery() as nursery:
        await relay.start(nursery, LOOPBACK)

        async def accept(stream: ByteStream, source: str) -> None:
            if sources is not None:
                sources.append(source)
            await relay.take(stream, source)

        behind_proxy = sources is not None
        async with links_over_http(
            relay, accept, limits, make_peer, behind_proxy=behind_proxy
        ) as uri:
            yield relay, uri
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def links_over_http(
    relay: Relay,
    accept: Handler,
    limits: ConnectionLimits = ConnectionLimits(count_websockets=False),  # noqa: B008 - a constant
    make_peer: Callable[[socket.socket], Peer] = Peer,
    *,
    behind_proxy: bool = False,
) -> AsyncIterator[RelayUri]:
    """Yield where WebSockets to a relay are taken, whose streams `accept` gets."""
    door = Door(relay.runtime, relay.node_id, "", behind_proxy=behind_proxy)
    app = Starlette(routes=[WebSocketRoute(LINK_PATH, LinkSocket(door, accept))])
    async with served(app, limits, make_peer) as http:
        yield RelayUri(relay.key.public, LOOPBACK, http.port, Scheme.WS, LINK_PATH)


Script = Callable[[trio.SocketStream], Awaitable[None]]


async def answered(script: Script, nursery: trio.Nursery) -> RelayUri:
    """Return where a server listens that does what `script` says."""
    (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await script(stream)

    nursery.start_soon(trio.serve_listeners, serve, [listener])
    port = listener.socket.getsockname()[1]
    return RelayUri(bytes(32), LOOPBACK, port, Scheme.WS, "/relay/link")


async def silent(stream: trio.SocketStream) -> None:
    """Say nothing, and do not hang up."""
    await trio.sleep_forever()

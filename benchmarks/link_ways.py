"""One link over TCP, WebSocket and QUIC on loopback, both ends in this process: CPU time.

The product makes no links over QUIC yet, so a network of processes cannot compare it.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from benchmarks.peers import ratio_row
from benchmarks.rounds import Row, skipped_row
from zentalk.crypto.ed25519 import SigningKey
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.datagrams import UdpDatagrams
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect, serve
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream, Handler
from zentalk.net.ways.websocket import open_websocket
from zentalk.relay_http.door import Door
from zentalk.relay_http.link_socket import LINK_PATH, LinkSocket
from zentalk.web.serving import HttpServer, bind
from zentalk.web.slots import ConnectionLimits
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri, Scheme

TCP, WEB, QUIC = "TCP", "WebSocket", "QUIC"
LOOPBACK, NETWORK = "127.0.0.1", "local"
ROUNDS = 5
BODY = os.urandom(100_000)
PACKET = bytes(2_560)

Dial = Callable[[], Awaitable[ByteStream]]
Spend = Callable[[int], Awaitable[None]]


class _Echo(NoHandlers):
    async def request_received(self, _connection: Connection, body: bytes, /) -> bytes:
        await trio.lowlevel.checkpoint()
        return body


@asynccontextmanager
async def _tcp(take: Handler, _identity: SigningKey) -> AsyncIterator[Dial]:
    network = TcpNetwork()
    listener = await network.listen(LOOPBACK, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.serve, take)
        yield lambda: network.dial(LOOPBACK, listener.port)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _web(take: Handler, identity: SigningKey) -> AsyncIterator[Dial]:
    door = Door(Runtime.real(), node_id_of(identity.public), "", behind_proxy=False)
    app = Starlette(routes=[WebSocketRoute(LINK_PATH, LinkSocket(door, take))])
    listening = bind(LOOPBACK, 0)
    port = listening.getsockname()[1]
    uri = RelayUri(identity.public, LOOPBACK, port, Scheme.WS, LINK_PATH)

    async def dial() -> ByteStream:
        return await open_websocket(await TcpNetwork().dial(LOOPBACK, port), uri)

    async with trio.open_nursery() as nursery:
        server = HttpServer(app, ConnectionLimits(count_websockets=False))
        await nursery.start(server.run, listening, trio.Event())
        yield dial
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _quic(take: Handler, _identity: SigningKey) -> AsyncIterator[Dial]:
    from zentalk.net.quic.endpoint import QuicEndpoint  # noqa: PLC0415 - an extra

    near, far = [QuicEndpoint(await UdpDatagrams.bind(LOOPBACK, 0), os.urandom) for _ in range(2)]
    async with trio.open_nursery() as nursery:
        for endpoint in (near, far):
            await nursery.start(endpoint.run)
        nursery.start_soon(far.serve, take)
        yield lambda: near.dial(LOOPBACK, far.port)
        nursery.cancel_scope.cancel()


def rows(count: int) -> list[Row]:
    """Each row is a ratio of CPU time to TCP, without a target."""
    names = [WEB, *([QUIC] if importlib.util.find_spec("aioquic") else [])]
    found: list[Row] = trio.run(_measure, names, max(count // 10, 2))
    if QUIC not in names:
        found.append(skipped_row(f"a link, {QUIC} / {TCP}", None, "no aioquic here"))
    return found


async def _measure(names: list[str], count: int) -> list[Row]:
    identity = SigningKey.generate(os.urandom)

    async def take(stream: ByteStream, _peer_host: str) -> None:
        await serve(
            stream,
            network=NETWORK,
            identity=identity,
            handlers=_Echo(),
            runtime=Runtime.real(),
        )

    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        works: dict[str, dict[str, Spend]] = {}
        for name in (TCP, *names):
            way = {TCP: _tcp, WEB: _web, QUIC: _quic}[name]
            dial = await stack.enter_async_context(way(take, identity))
            works[name] = await _works(dial, identity, nursery)
        spent: dict[tuple[str, str], list[float]] = {}
        for _ in range(ROUNDS + 1):
            for name, work in works.items():
                for what, spend in work.items():
                    started = time.process_time()
                    await spend(count)
                    spent.setdefault((what, name), []).append(time.process_time() - started)
        nursery.cancel_scope.cancel()
    return [
        ratio_row(
            f"CPU {what}, a link, {name} / {TCP}",
            # The first round warms up.
            [a / b for a, b in zip(spent[what, name][1:], spent[what, TCP][1:], strict=True)],
            None,
        )
        for what in works[TCP]
        for name in names
    ]


async def _works(dial: Dial, identity: SigningKey, nursery: trio.Nursery) -> dict[str, Spend]:
    async def linked() -> Connection:
        return await connect(
            await dial(),
            network=NETWORK,
            relay_identity=identity.public,
            handlers=NoHandlers(),
            runtime=Runtime.real(),
            nursery=nursery,
        )

    link = await linked()

    async def handshakes(count: int) -> None:
        for _ in range(count):
            made = await linked()
            made.close()
            await made.closed.wait()

    async def bodies(count: int) -> None:
        for _ in range(count):
            await link.request(BODY)

    async def packets(count: int) -> None:
        for _ in range(count):
            link.send_packet(PACKET)
            await link.request(b"")

    return {"to connect": handshakes, "of 100 kB and back": bodies, "of a packet": packets}

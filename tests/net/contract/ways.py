"""Each transport as the contract sees it: one side that dials, and one that is dialled."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.net.support import Relay, World, virtual
from tests.net.ways.support import LOOPBACK, links_over_http
from zentalk.link.geometry import cell_bytes
from zentalk.net.connection import Connection
from zentalk.net.datagrams import UdpDatagrams
from zentalk.net.memory import MemoryNetwork
from zentalk.net.memory_datagrams import DatagramNetwork, Weather
from zentalk.net.quic.endpoint import QuicEndpoint
from zentalk.net.runtime import Runtime
from zentalk.net.streams import LinkStream
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream, Handler
from zentalk.net.ways import websocket
from zentalk.net.ways.frame_limit import FRAMES_AT_ONCE
from zentalk.net.ways.websocket import WebSocketStream, open_websocket
from zentalk.web.websocket import exchange
from zentalk.wire.frames import Open
from zentalk.wire.text import RelayUri

NEAR, FAR, NOWHERE = "192.0.2.1", "192.0.2.2", "192.0.2.3"
Dial = Callable[[], Awaitable[ByteStream]]


class FarSide:
    """The side that is dialled: runs what the test wants for each stream, and counts that."""

    def __init__(self) -> None:
        self.running = 0
        self.handler: Handler = self._keep
        self._send, self._receive = trio.open_memory_channel[ByteStream](16)
        self._done: dict[ByteStream, trio.Event] = {}

    async def take(self, stream: ByteStream, peer_host: str) -> None:
        self.running += 1
        try:
            await self.handler(stream, peer_host)
        finally:
            self.running -= 1

    async def accepted(self) -> ByteStream:
        return await self._receive.receive()

    async def close(self, stream: ByteStream) -> None:
        """Close one that was accepted, and return from its handler as whoever is done does."""
        await stream.aclose()
        self._done[stream].set()

    async def _keep(self, stream: ByteStream, _peer_host: str) -> None:
        self._done[stream] = trio.Event()
        await self._send.send(stream)
        await self._done[stream].wait()


@dataclass
class Way:
    """A transport between two sides, one of which listens."""

    far: FarSide
    dial_far: Dial
    dial_nobody: Dial | None
    """Dials where nobody listens; None if that is another's business."""
    nobody: str = ""
    """Where that is."""
    is_virtual: bool = True
    depth: int = 0
    """The depth of the link inside."""
    made: list[ByteStream] = field(default_factory=list)

    async def dial(self) -> ByteStream:
        stream = await self.dial_far()
        self.made.append(stream)
        return stream

    async def pair(self) -> tuple[ByteStream, ByteStream]:
        near = await self.dial()
        return near, await self.far.accepted()

    async def settle(self) -> None:
        """Wait until nothing happens any more without a test's doing."""
        if self.is_virtual:
            with trio.move_on_after(40):
                await trio.sleep_forever()
        else:
            await wait_all_tasks_blocked(0.1)

    @property
    def runtime(self) -> Runtime:
        return virtual() if self.is_virtual else Runtime.real()


Opens = Callable[[], AbstractAsyncContextManager[Way]]


class Kind(NamedTuple):
    """A transport before it is opened."""

    name: str
    opens: Opens
    is_virtual: bool
    much_bytes: int
    """What passes in less than a second."""
    small_writes: int = 1_000


@asynccontextmanager
async def over_tcp() -> AsyncIterator[Way]:
    far, network = FarSide(), TcpNetwork()
    listener = await network.listen(LOOPBACK, 0)
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        free = taken.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.serve, far.take)
            yield Way(
                far,
                lambda: network.dial(LOOPBACK, listener.port),
                lambda: network.dial(LOOPBACK, free),
                f"{LOOPBACK}:{free}",
                is_virtual=False,
            )
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def over_websocket() -> AsyncIterator[Way]:
    far, network = FarSide(), TcpNetwork()
    relay = Relay("relay", network, Runtime.real())
    with pytest.MonkeyPatch.context() as patch:
        # Both sides give a goodbye some seconds; here one often does not read.
        patch.setattr(exchange, "CLOSE_SECONDS", 0.2)
        patch.setattr(websocket, "CLOSE_SECONDS", 0.1)
        async with links_over_http(relay, far.take) as uri:
            yield Way(far, lambda: _over_http(network, uri), None, is_virtual=False)


async def _over_http(network: TcpNetwork, uri: RelayUri) -> WebSocketStream:
    return await open_websocket(await network.dial(uri.host, uri.port), uri)


@asynccontextmanager
async def over_quic() -> AsyncIterator[Way]:
    near = QuicEndpoint(await UdpDatagrams.bind(LOOPBACK, 0), os.urandom)
    end = QuicEndpoint(await UdpDatagrams.bind(LOOPBACK, 0), os.urandom)
    nobody = await UdpDatagrams.bind(LOOPBACK, 0)  # reads nothing, says nothing
    async with (
        aclosing(nobody),
        _between(
            near,
            end,
            lambda: near.dial(LOOPBACK, end.port),
            lambda: near.dial(LOOPBACK, nobody.local_port),
            f"{LOOPBACK}:{nobody.local_port}",
            is_virtual=False,
        ) as way,
    ):
        yield way


@asynccontextmanager
async def over_lossy_quic() -> AsyncIterator[Way]:
    weather = Weather(latency_seconds=0.01, jitter_seconds=0.01, lost=0.05, repeated=0.02)
    network = DatagramNetwork(weather)
    near = QuicEndpoint(network.bind(NEAR), os.urandom)
    end = QuicEndpoint(network.bind(FAR), os.urandom)
    async with _between(
        near, end, lambda: near.dial(FAR, end.port), lambda: near.dial(NOWHERE, 9), f"{NOWHERE}:9"
    ) as way:
        yield way


@asynccontextmanager
async def _between(
    near: QuicEndpoint,
    end: QuicEndpoint,
    dial: Dial,
    dial_nobody: Dial,
    nobody: str,
    *,
    is_virtual: bool = True,
) -> AsyncIterator[Way]:
    far = FarSide()
    async with trio.open_nursery() as nursery:
        await nursery.start(near.run)
        await nursery.start(end.run)
        nursery.start_soon(end.serve, far.take)
        yield Way(far, dial, dial_nobody, nobody, is_virtual)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def in_memory() -> AsyncIterator[Way]:
    far, network = FarSide(), MemoryNetwork(0.01)
    listener = await network.host("far").listen("far", 7)
    near = network.host("near")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.serve, far.take)
        yield Way(far, lambda: near.dial("far", 7), lambda: near.dial("far", 8), "far:8")
        nursery.cancel_scope.cancel()


class _Takes(Relay):
    """A relay that gives the streams inside its links to somebody else."""

    far: FarSide

    async def stream_opened(self, _from: Connection, _asked: Open, stream: LinkStream, /) -> None:
        stream.accept()
        await self.far.take(stream, "")


@asynccontextmanager
async def inside_a_link() -> AsyncIterator[Way]:
    far = FarSide()
    async with trio.open_nursery() as nursery:
        world = World(nursery)
        relay = _Takes("relay", world.memory.host("relay"), world.runtime)
        relay.far = far
        await relay.start(nursery)
        link = await world.client(relay)
        yield Way(far, lambda: link.open_stream(None, cell_bytes(1)), None, depth=1)
        nursery.cancel_scope.cancel()


KINDS = [
    Kind("TCP", over_tcp, False, 4_000_000),
    Kind("WebSocket", over_websocket, False, 3_000_000, FRAMES_AT_ONCE - 1),
    Kind("QUIC", over_quic, False, 1_000_000),
    Kind("QUIC, lossy", over_lossy_quic, True, 150_000),
    Kind("memory", in_memory, True, 4_000_000),
    Kind("inside a link", inside_a_link, True, 500_000),
]

"""An ASGI application on a real socket, and a client that knows no HTTP."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from starlette.types import ASGIApp

from zentalk.web.peer import Peer
from zentalk.web.serving import HttpServer, bind
from zentalk.web.slots import ConnectionLimits

PATIENCE_SECONDS = 200
"""Of virtual or real time; nothing that works takes as long."""


@dataclass
class Served:
    """A running server."""

    port: int
    stopping: trio.Event = field(default_factory=trio.Event)
    ended: trio.Event = field(default_factory=trio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def dial(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def say(self, *requests: bytes, half_close: bool = False) -> bytes:
        """Send requests on a connection of its own; return all that comes until it ends."""
        async with await self.dial() as stream:
            for request in requests:
                await stream.send_all(request)
            if half_close:
                await stream.send_eof()
            return await until_end(stream)


@asynccontextmanager
async def served(
    app: ASGIApp,
    limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - a constant
    make_peer: Callable[[socket.socket], Peer] = Peer,
) -> AsyncIterator[Served]:
    listening = bind("127.0.0.1", 0)
    found = Served(listening.getsockname()[1])
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            try:
                await HttpServer(app, limits, make_peer).run(
                    listening, found.stopping, task_status=task_status
                )
            finally:
                found.ended.set()

        await nursery.start(run)
        yield found
        nursery.cancel_scope.cancel()


async def until_end(stream: trio.SocketStream) -> bytes:
    """Return what comes until the other side ends; fails if it does not."""
    found = b""
    with trio.fail_after(PATIENCE_SECONDS):
        while data := await stream.receive_some():
            found += data
    return found


async def until(stream: trio.SocketStream, end: bytes) -> bytes:
    """Return what comes up to and with `end`."""
    found = b""
    with trio.fail_after(PATIENCE_SECONDS):
        while end not in found:
            data = await stream.receive_some()
            assert data, found
            found += data
    return found

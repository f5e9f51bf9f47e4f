"""Programs on the port that a node has noted, which want to be shown its token (K52)."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from zentalk.web.address_file import noted_url

Handler = Callable[[trio.SocketStream], Awaitable[None]]


class Squatter:
    """Listens on a port of its own, and keeps all that it was sent."""

    def __init__(self, node_port: int) -> None:
        self.port = 0
        self.got = bytearray()
        self.questions = 0
        self._node_port = node_port

    async def answer(self, stream: trio.SocketStream) -> None:
        """Agree to everything, as a server that wants to be shown a token would."""
        body = b'{"proof": "' + b"0" * 64 + b'", "contacts": []}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        async for data in stream:
            self.got += data
            await stream.send_all(head % len(body) + body)

    async def pass_on(self, stream: trio.SocketStream) -> None:
        """Connect to the real node, and hand everything on in both directions."""
        there = await trio.open_tcp_stream("127.0.0.1", self._node_port)
        async with there, trio.open_nursery() as nursery:
            nursery.start_soon(self._copy, stream, there, True)
            await self._copy(there, stream, False)
            nursery.cancel_scope.cancel()

    async def be_silent(self, stream: trio.SocketStream) -> None:
        async for data in stream:
            self.got += data
            return

    async def be_ssh(self, stream: trio.SocketStream) -> None:
        await stream.send_all(b"SSH-2.0-nonsense\r\n")
        await self.be_silent(stream)

    async def _copy(self, here: trio.SocketStream, there: trio.SocketStream, keep: bool) -> None:
        async for data in here:
            if keep:
                self.got += data
            await there.send_all(data)


@asynccontextmanager
async def squatting(how: str, node_port: int) -> AsyncIterator[Squatter]:
    squatter = Squatter(node_port)
    handler: Handler = getattr(squatter, how)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                await handler(stream)
            except trio.BrokenResourceError:
                return

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            functools.partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        )
        squatter.port = listeners[0].socket.getsockname()[1]
        yield squatter
        nursery.cancel_scope.cancel()


def port_of(folder: Path) -> int:
    return int((noted_url(folder) or "").rpartition(":")[2])


def note(folder: Path, port: int) -> None:
    """The node was killed with -9 while it served here, and runs elsewhere now, or not at all."""
    (folder / "run.json").write_text(f'{{"url":"http://127.0.0.1:{port}","pid":1}}')

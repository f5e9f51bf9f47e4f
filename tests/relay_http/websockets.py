"""A client's WebSocket straight into an ASGI application, without a socket."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio
from starlette.types import ASGIApp

from tests.relay.harness import Running, World
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.serve import connect
from zentalk.relay_http.link_socket import LINK_PATH


class AsgiStream:
    """The client's end, as a stream of bytes; `ahead` messages to it may be on their way."""

    def __init__(self, ahead: int = 64) -> None:
        self._to_app, self._at_app = trio.open_memory_channel[dict[str, Any]](8)
        self._from_app, self._here = trio.open_memory_channel[bytes](ahead)
        self._to_app.send_nowait({"type": "websocket.connect"})
        self._unread = b""

    async def run(self, app: ASGIApp, host: str) -> None:
        """Let the application serve this client until it returns."""
        scope = {
            "type": "websocket",
            "path": LINK_PATH,
            "headers": [],
            "client": (host, 1234),
            "query_string": b"",
            "root_path": "",
        }
        with self._from_app:
            await app(scope, self._receive, self._send)

    async def send_all(self, data: bytes, /) -> None:
        await self._to_app.send({"type": "websocket.receive", "bytes": data, "text": None})

    async def receive_some(self, max_bytes: int, /) -> bytes:
        if not self._unread:
            with suppress(trio.EndOfChannel):
                self._unread = await self._here.receive()
        data, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
        return data

    async def aclose(self) -> None:
        self._to_app.close()
        self._here.close()
        await trio.lowlevel.checkpoint()

    async def _receive(self) -> Any:
        try:
            return await self._at_app.receive()
        except trio.EndOfChannel:
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            with suppress(trio.BrokenResourceError):
                await self._from_app.send(message["bytes"])


async def link_by_websocket(
    net: World, app: ASGIApp, running: Running, host: str, nursery: trio.Nursery
) -> Connection:
    """Open a link to a relay through its door for HTTP, from an address."""
    return await link_over(AsgiStream(), net, app, running, host, nursery)


async def link_over(
    stream: AsgiStream,
    net: World,
    app: ASGIApp,
    running: Running,
    host: str,
    nursery: trio.Nursery,
) -> Connection:
    """Open a link over such a client's end."""
    nursery.start_soon(stream.run, app, host)
    return await connect(
        stream,
        network=net.network_id,
        relay_identity=running.uri.identity,
        handlers=NoHandlers(),
        runtime=net.runtime.for_part(host),
        nursery=nursery,
    )

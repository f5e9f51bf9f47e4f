"""A link inside a WebSocket: for clients whose line lets nothing but HTTP through.

What messages carry is one stream of bytes, and the link in it is served as one that came in by TCP:
the same handshake, the same limits, counted against the same address. Nothing is looked at here.

Spec: docs/spec/link.md section 13.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from starlette.types import Message, Receive, Scope, Send

from zentalk.net.transport import ByteStream, run_guarded
from zentalk.relay_http.door import Door, DoorError

LINK_PATH = "/relay/link"
_NO_TEXT = 1003


class LinkSocket:
    """The ASGI application behind `LINK_PATH`; `accept` serves a stream from a host, to its end."""

    def __init__(self, door: Door, accept: Callable[[ByteStream, str], Awaitable[None]]) -> None:
        self._door = door
        self._accept = accept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one link until one side ends it."""
        await receive()
        try:
            self._door.admit(scope)
        except DoorError as refusal:
            await refusal.answer(scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        stream = _MessageStream(receive, send)
        await run_guarded(self._accept, stream, self._door.client(scope))


class _MessageStream:
    """The bytes of a WebSocket's messages. One task may read while another writes."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._unread = b""
        self._open = True

    async def send_all(self, data: bytes, /) -> None:
        self._check()
        await self._send({"type": "websocket.send", "bytes": data})

    async def receive_some(self, max_bytes: int, /) -> bytes:
        self._check()
        while not self._unread:
            message: Message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return b""
            if message.get("bytes") is None:
                await self._send(
                    {"type": "websocket.close", "code": _NO_TEXT, "reason": "links are binary"}
                )
                return b""
            self._unread = message["bytes"]
        data, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
        return data

    async def aclose(self) -> None:
        """Take part no more: the server closes when the application returns."""
        self._open = False
        await trio.lowlevel.checkpoint()

    def _check(self) -> None:
        if not self._open:
            raise trio.ClosedResourceError("this stream is closed")

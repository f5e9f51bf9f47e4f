"""A link inside a WebSocket, for clients: what is written becomes binary messages, and back.

Borders of messages mean nothing, as those of TCP segments: a link's units have their own. No
extension is offered; compression next to secrets tells their length. Frames are made by wsproto.

Spec: RFC 6455; docs/spec/link.md section 13.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
)
from wsproto.utilities import ProtocolError

from zentalk.errors import ConnectFailedError
from zentalk.net.transport import CLOSE_SECONDS, READ_BYTES, ByteStream, kept_if_made
from zentalk.net.ways.frame_limit import SLICE_BYTES, FrameLimit
from zentalk.net.ways.tls import over_tls
from zentalk.wire.text import RelayUri, Scheme

MESSAGE_BYTES: Final = 32 * 1024
"""The most of a message that we send; servers cut off who sends more than they like."""
_NO_WEBSOCKET: Final = "what answers there takes no WebSocket"


class WebSocketStream:
    """The client's end of an open WebSocket; owns the stream below.

    One task may read while another writes.
    """

    def __init__(self, below: ByteStream, frames: WSConnection) -> None:
        self._below = below
        self._frames = frames
        self._writing = trio.Lock()
        self._limit = FrameLimit(trio.current_time())
        self._unread = bytearray()
        self._ended = False

    async def send_all(self, data: bytes, /) -> None:
        """Send everything; raises trio.BrokenResourceError or ClosedResourceError."""
        for start in range(0, len(data), MESSAGE_BYTES):
            await self._send(BytesMessage(data[start : start + MESSAGE_BYTES]))

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return some bytes, or b"" at the end; raises as `send_all`."""
        while not (self._unread or self._ended):
            await self._read()
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        return data

    async def aclose(self) -> None:
        """Say goodbye if that can be done at once, and close."""
        try:
            if not self._ended:
                self._ended = True
                with trio.move_on_after(CLOSE_SECONDS):
                    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await self._send(CloseConnection(code=1000))
        finally:  # whoever closes may have no more patience than that
            await self._below.aclose()

    async def _send(self, event: Event) -> None:
        async with self._writing:
            try:
                data = self._frames.send(event)
            except ProtocolError:
                raise trio.BrokenResourceError("the WebSocket was closed") from None
            await self._below.send_all(data)

    async def _read(self) -> None:
        data = await self._below.receive_some(SLICE_BYTES)
        if not data:
            self._ended = True
            return
        try:
            self._frames.receive_data(data)
            events = list(self._frames.events())
        except ProtocolError:
            raise trio.BrokenResourceError("what came is no WebSocket") from None
        frames = sum(getattr(event, "frame_finished", True) for event in events)
        if not self._limit.takes(frames, len(data), trio.current_time()):
            raise trio.BrokenResourceError("there were too many small frames")
        for event in events:
            await self._take(event)

    async def _take(self, event: Event) -> None:
        if isinstance(event, BytesMessage):
            self._unread += event.data
        elif isinstance(event, Ping):
            await self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._ended = True
        elif not isinstance(event, Pong):  # RFC 6455 section 5.5.3: one may come unasked
            raise trio.BrokenResourceError("a link has binary messages only")


async def open_websocket(stream: ByteStream, uri: RelayUri) -> WebSocketStream:
    """Make a WebSocket of a stream to where a relay takes them; owns the stream.

    With `wss` the certificate must be the host's. Raises ConnectFailedError.
    """
    async with kept_if_made(stream, uri.place):
        below = stream if uri.scheme is Scheme.WS else await over_tls(stream, uri)
        return await _upgrade(below, uri)


async def _upgrade(below: ByteStream, uri: RelayUri) -> WebSocketStream:
    frames = WSConnection(ConnectionType.CLIENT)
    host = uri.place.partition("://")[2].partition("/")[0]
    await below.send_all(frames.send(Request(host=host, target=uri.path)))
    while True:
        data = await below.receive_some(READ_BYTES)
        try:
            frames.receive_data(data or None)
            events = list(frames.events())
        except ProtocolError:
            raise ConnectFailedError(uri.place, _NO_WEBSOCKET) from None
        for event in events:
            if isinstance(event, RejectConnection):
                raise ConnectFailedError(
                    uri.place, f"{_NO_WEBSOCKET}: it answered {event.status_code}"
                )
            if isinstance(event, AcceptConnection):
                # A relay says nothing before the client has; what it says now is no link's.
                return WebSocketStream(below, frames)
        if not data:
            raise ConnectFailedError(uri.place, _NO_WEBSOCKET)

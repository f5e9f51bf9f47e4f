"""One WebSocket and what an ASGI application calls `receive` and `send` for it.

One more task reads: pings are answered and silence is noticed while the application is busy. It
gives one message at a time and reads no further before it is taken, so that a peer can send ahead
only as much as one read and the buffers of its socket hold.

Spec: ASGI 3.0, WebSocket protocol 2.3, with the extension `websocket.http.response`.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import trio
from starlette.types import ASGIApp, Message, Scope

from zentalk.net.ways.frame_limit import SLICE_BYTES, FrameLimit
from zentalk.web.http1.reader import RequestReader
from zentalk.web.http1.writer import AnswerWriter
from zentalk.web.peer import Peer
from zentalk.web.problems import problem, unexpected
from zentalk.web.refusal import refuse
from zentalk.web.server_state import ServerState
from zentalk.web.slots import ConnectionPlace
from zentalk.web.websocket.handshake import Handshake
from zentalk.web.websocket.messages import CUT, Closed, MessageAssembler

PING_SECONDS: Final = 30.0
"""After this long in silence the peer is pinged; after as long again it is cut off."""
CLOSE_SECONDS: Final = 5.0
"""The time for the peer to agree to the end; beyond it the connection is cut."""
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008


class WebSocketExchange:
    """The parts of one WebSocket that an application meets; used once."""

    def __init__(
        self,
        handshake: Handshake,
        reader: RequestReader,
        peer: Peer,
        state: ServerState,
        place: ConnectionPlace,
    ) -> None:
        self._handshake = handshake
        self._reader = reader
        self._peer = peer
        self._state = state
        self._place = place
        self._messages = MessageAssembler(place.limits.max_message_bytes)
        self._incoming_in, self._incoming_out = trio.open_memory_channel[str | bytes](0)
        self._writing = trio.Lock()
        self._read_all = trio.Event()
        self._closed = Closed(CUT, "")
        self._denial = AnswerWriter("GET", "1.1")
        self._limit = FrameLimit(trio.current_time())
        self._connect_given = self._accepted = self._denied = self._is_ending = False
        self._tasks: trio.Nursery | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let the application have the socket until it returns, then end it."""
        async with trio.open_nursery() as self._tasks:
            try:
                await app(scope, self.receive, self.send)
            finally:
                self._is_ending = True
            self._incoming_out.close()  # Further messages are read and dropped.
            if self._place.take():
                await self._finish()
            else:  # The application counts it no more, and there is no place for its goodbye.
                self._peer.close()
            self._tasks.cancel_scope.cancel()

    def go_away(self) -> None:
        """Close because the server ends; the application sees it as a disconnect."""
        if self._tasks is not None and self._accepted and not self._is_ending:
            self._tasks.start_soon(self._close, GOING_AWAY, "the server ends")

    async def receive(self) -> Message:
        """Return `websocket.connect`, then messages, then the disconnect."""
        if not self._connect_given:
            self._connect_given = True
            return {"type": "websocket.connect"}
        if self._denied:
            return {"type": "websocket.disconnect", "code": CUT, "reason": ""}
        try:
            content = await self._incoming_out.receive()
        except trio.EndOfChannel:
            return {
                "type": "websocket.disconnect",
                "code": self._closed.code,
                "reason": self._closed.reason,
            }
        text = isinstance(content, str)
        return {
            "type": "websocket.receive",
            "text": content if text else None,
            "bytes": None if text else content,
        }

    async def send(self, message: Message) -> None:
        """Accept, refuse, send a message or close; raises AnswerError for what cannot be sent."""
        match message["type"]:
            case "websocket.accept" if not (self._accepted or self._denied):
                await self._accept(message)
            case "websocket.send" if self._accepted:
                text = message.get("text")
                content = message["bytes"] if text is None else text
                await self._write(self._messages.message, content)
            case "websocket.close" if self._accepted:
                code = message.get("code", NORMAL)
                await self._close(code, message.get("reason") or "")
            case "websocket.close" if not self._denied:
                self._denied = True
                refusal = problem(HTTPStatus.FORBIDDEN, "there is no WebSocket for you here")
                await refuse(self._peer, self._state, refusal)
            case "websocket.http.response.start" if not (self._accepted or self._denied):
                self._denied = self._denial.closes = True
                self._denial.start(message["status"], message.get("headers", ()))
            case "websocket.http.response.body" if self._denial.started:
                await self._deny(message.get("body", b""), message.get("more_body", False))
            case kind:
                raise ValueError(f"an application sent {kind!r} to a WebSocket out of turn")

    async def _accept(self, message: Message) -> None:
        answer = self._handshake.accepted(message.get("subprotocol"), message.get("headers", ()))
        await self._peer.write(answer)
        self._accepted = True
        self._place.lend()
        assert self._tasks is not None
        self._tasks.start_soon(self._read)
        if self._state.draining:
            self.go_away()

    async def _deny(self, body: bytes, more: bool) -> None:
        await self._peer.write(self._denial.body(body, more, self._state.date.value()))
        if not more:
            await self._peer.linger()

    async def _write(self, frame: Any, *arguments: Any) -> None:
        """Make a frame and send it, before another is made."""
        async with self._writing:
            await self._peer.write(frame(*arguments))

    async def _close(self, code: int, reason: str) -> None:
        await self._write(self._messages.close, code, reason)

    async def _finish(self) -> None:
        if not self._accepted:
            if not self._denied:
                await refuse(self._peer, self._state, unexpected())
            return
        await self._close(NORMAL, "")
        with trio.move_on_after(CLOSE_SECONDS):
            await self._read_all.wait()
            await self._peer.linger()

    async def _read(self) -> None:
        """Read messages until one side closes, the peer leaves or stays silent."""
        data, pinged = self._reader.take_rest(), False
        with self._incoming_in:
            while data or not (self._peer.ended or self._peer.gone):
                if data and await self._take(data):
                    break
                data = b""
                with trio.move_on_after(PING_SECONDS) as patience:
                    data = await self._peer.read()
                if patience.cancelled_caught and pinged:
                    self._peer.close()
                elif patience.cancelled_caught:
                    await self._write(self._messages.ping)
                pinged = patience.cancelled_caught
            self._read_all.set()

    async def _take(self, data: bytes) -> bool:
        """Give messages to the application; True if they were the last."""
        for start in range(0, len(data), SLICE_BYTES):
            if await self._take_some(data[start : start + SLICE_BYTES]):
                return True
        return False

    async def _take_some(self, data: bytes) -> bool:
        arrived = self._messages.arrived(data)
        if not self._limit.takes(arrived.frames, len(data), trio.current_time()):
            self._closed = Closed(POLICY, "too many small frames")
            await self._close(*self._closed)
            return True
        if arrived.reply:
            await self._write(bytes, arrived.reply)
        if arrived.closed is not None:
            self._closed = arrived.closed
        for content in arrived.messages:
            with suppress(trio.BrokenResourceError):  # The application has returned.
                await self._incoming_in.send(content)
        return arrived.closed is not None


def websocket_scope(http: Scope, subprotocols: list[str]) -> Scope:
    """Return what an application is told about a WebSocket, from what it is told of a request."""
    scope = {name: value for name, value in http.items() if name != "method"}
    return scope | {
        "type": "websocket",
        "scheme": "wss" if http["scheme"] == "https" else "ws",
        "subprotocols": subprotocols,
        "extensions": {"websocket.http.response": {}},
    }

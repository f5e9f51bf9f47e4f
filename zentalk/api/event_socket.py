"""The event log over a WebSocket: each event, and each heartbeat, is one message of JSON.

It keeps no events: it reads the next ones once the socket has taken those before, so a slow client
costs one page and is cut by the server when it takes nothing for too long; and a silent one is cut
when it answers no ping. Both go on later from their cursor. A token comes in a header or in the
first message, never in the URL, which others may log.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any, Final

import trio
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from zentalk.api.callers import NOBODY, Caller, scope_caller
from zentalk.api.event_query import StreamQuery
from zentalk.api.facade import NodeFacade
from zentalk.api.guard import Access
from zentalk.api.route_table import Need
from zentalk.api.signal_feed import feed_of
from zentalk.rest.event_socket import (
    MAX_SOCKET_MESSAGE_BYTES,
    SocketCursorIn,
    SocketHeartbeat,
    SocketTokenIn,
)
from zentalk.rest.events import Event
from zentalk.web.problems import problem

HEARTBEAT_SECONDS: Final = 15.0
TOKEN_SECONDS: Final = 10.0
"""For the first message of a client without a token in a header."""
PAGE: Final = 100
LEFT: Final = 0
"""The client has closed, or is gone: there is nobody to tell."""
GOING_AWAY: Final = 1001
POLICY: Final = 1008
TOO_BIG: Final = 1009


class SocketEndError(Exception):
    """This side closes the socket, with a code and a reason for the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class EventSocket:
    """The ASGI application behind `/v1/events/ws`; the guard before it has checked the origin."""

    def __init__(self, node: NodeFacade, access: Access, stopping: trio.Event) -> None:
        self._node = node
        self._access = access
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until one side ends it."""
        await receive()
        try:
            query = _query(scope)
        except ValidationError:
            detail = "after, type or conversation is malformed: see the reference of REST"
            await problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)(scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        end = await self._serve(scope_caller(scope), query, receive, send)
        if end.code != LEFT:
            await send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def _serve(
        self, caller: Caller, query: StreamQuery, receive: Receive, send: Send
    ) -> SocketEndError:
        """Return why the socket ends."""
        try:
            if caller is NOBODY:
                caller = await self._introduced(receive)
            with self._access.request(caller):
                await _OneSocket(self._node, query, receive, send).run(self._stopping)
            if not self._stopping.is_set():
                return SocketEndError(POLICY, "the token was revoked")
        except SocketEndError as end:
            return end
        return SocketEndError(GOING_AWAY, "the node stops")

    async def _introduced(self, receive: Receive) -> Caller:
        """Return whose token the first message holds; raises SocketEndError for a wrong one."""
        with trio.move_on_after(TOKEN_SECONDS):
            try:
                shown = SocketTokenIn.model_validate_json(await _message(receive)).token
            except ValidationError:
                shown = ""
            caller = self._access.caller(f"Bearer {shown}".encode())
            if caller.meets >= Need.READ:
                return caller
        raise SocketEndError(
            POLICY, 'send {"token": "..."} first: it is missing, wrong or was revoked'
        )


class _OneSocket:
    """The place of one client in the log, which it may move."""

    def __init__(self, node: NodeFacade, query: StreamQuery, receive: Receive, send: Send) -> None:
        self._node = node
        self._wanted = query.wanted()
        self._signals = feed_of(node, self._wanted, signals=query.signals)
        self._after = query.after
        self._receive = receive
        self._send = send
        self._moved = False
        self._waiting = trio.CancelScope()

    async def run(self, stopping: trio.Event) -> None:
        """Return once the node stops; raises SocketEndError when the client leaves or errs."""
        end: SocketEndError | None = None
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal end
                try:
                    while True:
                        self._take(await _message(self._receive))
                except SocketEndError as error:
                    end = error
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            nursery.start_soon(self._tell)
            await stopping.wait()
            nursery.cancel_scope.cancel()
        if end is not None:
            raise end

    def _take(self, message: str) -> None:
        try:
            self._after = SocketCursorIn.model_validate_json(message).after
        except ValidationError:
            raise SocketEndError(POLICY, 'a message may be {"after": NUMBER} only') from None
        self._moved = True
        self._waiting.cancel()

    async def _tell(self) -> None:
        heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
        while True:
            self._moved = False
            for signal in self._signals.take():
                await self._say(signal.model_dump_json())
            page = await self._node.event_page(self._after, PAGE, self._wanted)
            if self._moved:
                continue
            self._after = page.next
            for event in page.events:
                await self._say(Event.model_validate(event).model_dump_json())
                heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
                if self._moved:
                    break
            if page.events or self._moved:
                continue
            with trio.CancelScope(deadline=heartbeat_at) as self._waiting:
                await self._signals.wait_with(partial(self._node.wait_events, self._after))
            if trio.current_time() >= heartbeat_at:
                heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
                await self._say(SocketHeartbeat(next=self._after).model_dump_json())

    async def _say(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})


async def _message(receive: Receive) -> str:
    """Return a client's next message; raises SocketEndError if it left or sent what is none."""
    message: Any = await receive()
    if message["type"] == "websocket.disconnect":
        raise SocketEndError(LEFT, "")
    text = message.get("text")
    if text is None:
        raise SocketEndError(POLICY, "messages are text: JSON")
    if len(text.encode()) > MAX_SOCKET_MESSAGE_BYTES:
        raise SocketEndError(TOO_BIG, f"a message may have {MAX_SOCKET_MESSAGE_BYTES} bytes")
    return str(text)


def _query(scope: Scope) -> StreamQuery:
    """Return what the URL asks for; raises ValidationError."""
    given = QueryParams(scope["query_string"])
    names = ("after", "conversation", "signals")
    single = {name: given[name] for name in names if name in given}
    return StreamQuery.model_validate({**single, "type": given.getlist("type")})

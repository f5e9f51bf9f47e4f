"""One HTTP connection: requests in order, each answered by the application before the next is read.

One task serves a connection. While a request is answered nothing is read unless the application
asks, so that a peer can ask ahead only as far as the buffers of its socket and one read go.

A request for a WebSocket makes the connection one, if the application accepts it. Other offers to
change the protocol are answered as ordinary requests.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import trio
from starlette.types import ASGIApp

from zentalk.web.exchange import Address, Exchange, scope_of
from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.reader import RequestReader
from zentalk.web.http1.request import Request
from zentalk.web.peer import Peer
from zentalk.web.refusal import refusal_of, refuse
from zentalk.web.server_state import ServerState
from zentalk.web.slots import ConnectionPlace
from zentalk.web.websocket.exchange import WebSocketExchange, websocket_scope
from zentalk.web.websocket.handshake import Handshake, is_websocket

HEAD_SECONDS: Final = 30.0
"""The time from a request's first byte, or a connection's start, to the end of the head."""
KEEP_ALIVE_SECONDS: Final = 75.0
"""The time for the next request to begin; beyond it the connection is closed without a word."""


class HttpConnection:
    """Serves one peer with an ASGI application until one side ends it.

    `addresses` are those of the peer and of this side.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: ServerState,
        peer: Peer,
        addresses: tuple[Address, Address],
        place: ConnectionPlace,
    ) -> None:
        self._app = app
        self._state = state
        self._peer = peer
        self._addresses = addresses
        self._place = place
        self._reader = RequestReader()
        self._idle: trio.CancelScope | None = None
        self._websocket: WebSocketExchange | None = None

    async def run(self) -> None:
        """Read and answer until one side closes or takes too long."""
        patience = HEAD_SECONDS
        try:
            while True:
                request = await self._next_request(patience)
                if request is None or not await self._serve(request):
                    break
                patience = KEEP_ALIVE_SECONDS
        except RequestError as error:
            await refuse(self._peer, self._state, refusal_of(error))
        finally:
            self._peer.close()

    def stop_if_idle(self) -> None:
        """Close if no request is under way; else the answer, or a WebSocket's end, closes it."""
        if self._idle is not None:
            self._idle.cancel()
        elif self._websocket is not None:
            self._websocket.go_away()

    async def _serve(self, request: Request) -> bool:
        """Answer one request; True if there may be another on this connection."""
        scope = scope_of(request, *self._addresses, is_secure=self._peer.is_secure)
        if is_websocket(request):
            handshake = Handshake(request)
            self._websocket = WebSocketExchange(
                handshake, self._reader, self._peer, self._state, self._place
            )
            await self._websocket.run(self._app, websocket_scope(scope, handshake.subprotocols))
            return False
        exchange = Exchange(request, self._reader, self._peer, self._state)
        await self._app(scope, exchange.receive, exchange.send)
        return await exchange.settle()

    async def _next_request(self, patience: float) -> Request | None:
        """Return the next request, None at the end of the connection; raises RequestError."""
        reader = self._reader
        request = reader.next_request()
        if request is not None:
            await trio.lowlevel.checkpoint()  # Who asks ahead must not keep others from their turn.
            return request
        begun = reader.buffered > 0
        now = trio.current_time()
        with trio.CancelScope(deadline=now + (HEAD_SECONDS if begun else patience)) as self._idle:
            while request is None:
                data = await self._peer.read()
                if not data:
                    break
                reader.feed(data)
                request = reader.next_request()
                if request is None and not begun:
                    begun = True
                    self._idle.deadline = min(
                        self._idle.deadline, trio.current_time() + HEAD_SECONDS
                    )
        timed_out, self._idle = self._idle.cancelled_caught, None
        if timed_out and begun and not self._state.draining:
            raise RequestError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the request's head did not arrive within {HEAD_SECONDS:g} s",
            )
        return request

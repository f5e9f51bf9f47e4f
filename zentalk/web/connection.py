"""One HTTP connection: requests in order, each answered by the application before the next is read.

One task serves a connection. While a request is answered nothing is read unless the application
asks, so that a peer can ask ahead only as far as the buffers of its socket and one read go.

A WebSocket belongs into `HttpConnection._serve`: a request whose `upgrade` is `websocket` goes
there to an exchange of its own instead of `Exchange`, over the same `Peer`; what the reader still
holds comes first. Until then such an offer is answered as an ordinary request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import trio
from starlette.types import ASGIApp

from zentalk.web.exchange import Address, Exchange, refusal_of, refuse, scope_of
from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.reader import RequestReader
from zentalk.web.http1.request import Request
from zentalk.web.peer import Peer
from zentalk.web.server_state import ServerState

HEAD_SECONDS: Final = 30.0
"""From the first byte of a request, or from the start of a connection, to the end of its head."""
KEEP_ALIVE_SECONDS: Final = 75.0
"""For the next request to begin; beyond it the connection is closed without a word."""


class HttpConnection:
    """Serves one peer with an ASGI application until one side ends it."""

    def __init__(
        self, app: ASGIApp, state: ServerState, peer: Peer, client: Address, server: Address
    ) -> None:
        self._app = app
        self._state = state
        self._peer = peer
        self._addresses = (client, server)
        self._reader = RequestReader()
        self._idle: trio.CancelScope | None = None

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
        """Close if no request is under way; else the answer closes the connection."""
        if self._idle is not None:
            self._idle.cancel()

    async def _serve(self, request: Request) -> bool:
        """Answer one request; True if there may be another on this connection."""
        exchange = Exchange(request, self._reader, self._peer, self._state)
        scope = scope_of(request, *self._addresses)
        await self._app(scope, exchange.receive, exchange.send)
        return await exchange.settle()

    async def _next_request(self, patience: float) -> Request | None:
        """Return the next request, None at the end of the connection; raises RequestError."""
        reader = self._reader
        request = reader.next_request()
        if request is not None:
            await trio.lowlevel.checkpoint()  # Who asks ahead must not keep others from their turn.
            return request
        if self._state.draining:
            return None
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

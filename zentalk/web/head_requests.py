"""HEAD wherever GET works: the same status and headers, and nothing after them.

A handler sees GET, so that none can answer the two differently. The server leaves the body out of
an answer to HEAD; an answer without end is ended here, once its head is known.

Source: RFC 9110 section 9.3.2.
"""

from __future__ import annotations

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """An ASGI application that lets `app` answer HEAD as if it were GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        with trio.CancelScope() as answered:

            async def send_head(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.body" and message.get("more_body"):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    answered.cancel()

            await self._app({**scope, "method": "GET"}, receive, send_head)

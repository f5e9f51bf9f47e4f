"""The layer that stops bodies which are too large, before anything reads them."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zentalk.web.problems import problem


class BodyLimit:
    """Answers 413 to a larger body, whether it says its length beforehand or not."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._too_large = f"the body is larger than {max_bytes} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if self._announces_more(scope):
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large)
            await refusal(scope, receive, send)
        else:
            # Also where it says that it is small: that line does not count beside chunks.
            await self._app(scope, self._counting(receive), send)

    def _announces_more(self, scope: Scope) -> bool:
        """Say whether a request says itself that it is too long, or nonsense."""
        return any(
            not (value.isdigit() and len(value) < 20 and int(value) <= self._max_bytes)
            for name, value in scope.get("headers", ())
            if name == b"content-length"
        )

    def _counting(self, receive: Receive) -> Receive:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large)
            return message

        return counted

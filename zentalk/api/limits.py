"""Numbers that bound requests, and the layer that stops bodies which are too large.

The largest text, with every byte of it escaped in JSON, fits; nothing much larger does.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zentalk.api.problems import problem

MAX_BODY_BYTES: Final = 512 * 1024
MAX_PAGE: Final = 1000
MAX_SEQUENCE: Final = 2**63 - 1
MAX_KEY_CHARS: Final = 255
MAX_NAME_CHARS: Final = 200

_TOO_LARGE: Final = f"the body is larger than {MAX_BODY_BYTES} bytes"


class BodyLimit:
    """Answers 413 to a larger body, whether it says its length beforehand or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        announced = _announced(scope)
        if announced is None:
            await self._app(scope, _counting(receive), send)
        elif announced > MAX_BODY_BYTES:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _announced(scope: Scope) -> int | None:
    """Return the length that the request says it has; the server holds it to that."""
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else MAX_BODY_BYTES + 1
    return None


def _counting(receive: Receive) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        return message

    return counted

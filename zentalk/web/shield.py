"""The layer around an HTTP program: bodies stay small, and a bug ends its own request only."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from zentalk.web.problems import problem, unexpected

_NOWHERE: Final[Mapping[str, int]] = MappingProxyType({})


class Shield:
    """Answers 413 to a body above `max_body_bytes`, and 500 where `app` fails.

    `uploads` are paths that take more, which must read it piece by piece, with the bytes of each. A
    body is stopped before anything reads it, whether it says its length beforehand or not. What
    is logged of an error is its class and nothing else: its text may quote the owner.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        log: FilteringBoundLogger,
        uploads: Mapping[str, int] = _NOWHERE,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._uploads = uploads
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        most = self._uploads.get(scope.get("path", ""), self._max_body_bytes)
        if _announces_more(scope, most):
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(most))
            await refusal(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            # Also where it says that it is small: that line does not count beside chunks.
            await self._app(scope, _counting(receive, most), send_and_note)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last line of defence
            self._log.error("request_failed", error=type(error).__name__)
            if scope["type"] == "http" and not started:
                await unexpected()(scope, receive, send)


def _too_large(most: int) -> str:
    return f"the body is larger than {most} bytes"


def _announces_more(scope: Scope, most: int) -> bool:
    """Say whether a request says itself that it is too long, or nonsense."""
    return any(
        not (value.isdigit() and len(value) < 20 and int(value) <= most)
        for name, value in scope.get("headers", ())
        if name == b"content-length"
    )


def _counting(receive: Receive, most: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(most))
        return message

    return counted


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's start and stop; the nursery around it does what there is to do."""
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})

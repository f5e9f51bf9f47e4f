"""The outermost layer of an HTTP program: a bug in a handler ends its request, nothing else."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from zentalk.web.problems import unexpected


class Shield:
    """Catches whatever is left, and answers the server when it starts and stops.

    What is logged is the error's class and nothing else: its text may quote the owner.
    """

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last line of defence
            self._log.error("request_failed", error=type(error).__name__)
            if scope["type"] == "http" and not started:
                await unexpected()(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's start and stop; the nursery around it does what there is to do."""
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})

"""A relay's HTTP door as an ASGI application: its routes, and what every error becomes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from zentalk.errors import DecodeError, RefusedError
from zentalk.logs import quiet_logger
from zentalk.relay_http.door import Door, DoorError
from zentalk.relay_http.facade import RelayFacade
from zentalk.relay_http.link_socket import LINK_PATH
from zentalk.relay_http.routes import Routes
from zentalk.relay_http.sessions import HttpSessions
from zentalk.web.problems import invalid, problem, unexpected
from zentalk.web.shield import Shield

MAX_BODY_BYTES: Final = 64 * 1024


def create_app(relay: RelayFacade, door: Door, sessions: HttpSessions, links: ASGIApp) -> ASGIApp:
    """Return the door of a running relay as an ASGI application; `links` serves WebSockets."""
    routes = Routes(relay, door, sessions)

    async def on_door(_request: Request, error: Exception) -> Response:
        assert isinstance(error, DoorError)
        return error.answer

    async def on_refusal(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return await routes.refused(error.reason)

    async def on_invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ValidationError)
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return with_nonce(invalid(found))

    async def on_undecodable(_request: Request, error: Exception) -> Response:
        return with_nonce(problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)))

    def with_nonce(answer: Response) -> Response:
        answer.headers.update(door.next_nonce())  # the one of this request is spent
        return answer

    handlers: dict[Any, Any] = {
        DoorError: on_door,
        RefusedError: on_refusal,
        ValidationError: on_invalid,
        DecodeError: on_undecodable,
        HTTPException: _on_http_error,
        Exception: _on_bug,
    }
    everything = [*routes.all(), WebSocketRoute(LINK_PATH, links)]
    inner = Starlette(routes=everything, exception_handlers=handlers)
    inner.router.redirect_slashes = False
    return Shield(inner, MAX_BODY_BYTES, quiet_logger("zentalk.relay"))


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(HTTPStatus(error.status_code), str(error.detail), error.headers)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return unexpected()  # Starlette raises the error again, and Shield logs its class.

"""The ASGI application: routes behind the guard; every error becomes a problem document."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import trio
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from zentalk.api.access import Access
from zentalk.api.device_routes import add_device_routes
from zentalk.api.event_socket import EventSocket
from zentalk.api.facade import NodeFacade
from zentalk.api.guard import EVENT_SOCKET_PATH, Guard
from zentalk.api.mailbox_routes import add_mailbox_routes
from zentalk.api.proof_route import add_proof_route
from zentalk.api.routes import (
    add_contact_routes,
    add_event_routes,
    add_message_routes,
    add_own_routes,
)
from zentalk.api.webhook_routes import add_webhook_routes
from zentalk.errors import ZentalkError
from zentalk.logs import quiet_logger
from zentalk.rest.limits import MAX_BODY_BYTES
from zentalk.web.problems import PROBLEM_TYPE, invalid, problem, problem_of, unexpected
from zentalk.web.shield import Shield


class _Rest(FastAPI):
    """FastAPI that adds the token and the type of problems to its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
            document["components"]["securitySchemes"] = schemes
            document["security"] = [{"bearer": []}]
            for path in document["paths"].values():
                for operation in path.values():
                    content = operation["responses"]["4XX"]["content"]
                    content[PROBLEM_TYPE] = content.popitem()[1]
            self.openapi_schema = document
        return self.openapi_schema


def create_app(
    node: NodeFacade,
    token: str,
    stopping: trio.Event,
    *,
    name: str = "",
    hosts: Collection[str] = (),
) -> ASGIApp:
    """Return REST over a node.

    `token` is the owner's and opens everything, devices' tokens all but /v1/devices
    and /v1/webhooks; streams end
    at `stopping`; `hosts` are names of this machine besides loopback.
    """
    inner = _Rest(
        title="zentalk API node",
        version="1",
        description="A person's own node. All requests need `Authorization: Bearer TOKEN`.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # Straight onto the application, the busiest first: every request searches nested routers.
    add_message_routes(inner.router, node)
    access = Access(token, node.devices)
    add_event_routes(inner.router, node, stopping)
    socket = EventSocket(node, access, stopping)
    inner.router.routes.append(WebSocketRoute(EVENT_SOCKET_PATH, socket))
    add_contact_routes(inner.router, node)
    add_own_routes(inner.router, node, name)
    add_device_routes(inner.router, node)
    add_proof_route(inner.router, node, token)
    add_mailbox_routes(inner.router, node)
    add_webhook_routes(inner.router, node)
    inner.add_exception_handler(ZentalkError, _on_zentalk_error)
    inner.add_exception_handler(RequestValidationError, _on_invalid)
    inner.add_exception_handler(HTTPException, _on_http_error)
    inner.add_exception_handler(Exception, _on_bug)
    shield = Shield(inner, MAX_BODY_BYTES, quiet_logger("zentalk.api"))
    return Guard(shield, access, hosts)


async def _on_zentalk_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ZentalkError)
    return problem_of(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid(error.errors())


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return problem(status, str(error.detail), error.headers)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return unexpected()  # Starlette raises the error again, and Shield logs its class.

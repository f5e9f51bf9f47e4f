"""The ASGI application: routes behind the guard; every error becomes a problem document."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final

import trio
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from zentalk.api.conversation_routes import (
    add_conversation_routes,
    add_mark_routes,
    add_profile_routes,
    add_search_route,
    add_signal_routes,
)
from zentalk.api.device_routes import add_device_routes
from zentalk.api.direct_routes import add_direct_routes
from zentalk.api.docs.routes import add_docs_routes
from zentalk.api.event_socket import EventSocket
from zentalk.api.facade import NodeFacade
from zentalk.api.file_routes import UPLOADS, add_file_routes, add_mesh_routes
from zentalk.api.first_contact_routes import (
    add_introduction_routes,
    add_invite_routes,
    add_safety_routes,
)
from zentalk.api.group_routes import (
    add_delivery_route,
    add_group_link_route,
    add_group_picture_routes,
    add_group_routes,
    add_member_routes,
)
from zentalk.api.guard import EVENT_SOCKET_PATH, Access, Guard
from zentalk.api.import_routes import add_import_routes
from zentalk.api.link_routes import add_link_routes
from zentalk.api.mailbox_routes import add_mailbox_routes
from zentalk.api.openapi import DESCRIPTION, RestApp
from zentalk.api.pairing_routes import add_pairing_routes
from zentalk.api.proof_route import add_proof_route
from zentalk.api.push_routes import add_push_routes
from zentalk.api.qr_routes import add_qr_routes
from zentalk.api.rate_limit import RateLimit
from zentalk.api.route_table import RouteTable
from zentalk.api.routes import (
    RouteIndex,
    add_contact_routes,
    add_event_routes,
    add_message_routes,
    add_own_routes,
)
from zentalk.api.webhook_routes import add_webhook_routes
from zentalk.errors import StorageError, ZentalkError
from zentalk.logs import quiet_logger
from zentalk.rest.limits import MAX_BODY_BYTES
from zentalk.web.problems import invalid, problem, problem_of, unexpected
from zentalk.web.shield import Shield

_HTTP_WORDS: Final = {
    HTTPStatus.BAD_REQUEST: "the body cannot be read: send JSON in UTF-8",
    HTTPStatus.NOT_FOUND: "there is no such path; see /v1/openapi.json",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take the method; see /v1/openapi.json",
}
"""Our words for what the library refuses by itself."""
_TABLE: Final = RouteTable()
_LOG: Final = quiet_logger("zentalk.api")


def create_app(
    node: NodeFacade,
    token: str,
    stopping: trio.Event,
    *,
    name: str = "",
    hosts: Collection[str] = (),
    limit: RateLimit | None = None,
) -> ASGIApp:
    """Return REST over a node, behind its guard.

    `token` is the owner's; streams end at `stopping`; `hosts` are names of this machine besides
    loopback; without a `limit`, requests are not counted.
    """
    access = Access(token, node.devices, node.attendance)
    inner = create_routes(node, token, stopping, access, name=name)
    shield = Shield(inner, MAX_BODY_BYTES, _LOG, UPLOADS)
    return Guard(shield, access, hosts, limit)


def create_routes(
    node: NodeFacade, token: str, stopping: trio.Event, access: Access, *, name: str = ""
) -> FastAPI:
    """Return the routes alone, which let everybody in; a socket asks `access` for its token."""
    inner = RestApp(
        title="zentalk API node",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # Straight onto the application: every request searches nested routers.
    add_message_routes(inner.router, node)
    add_event_routes(inner.router, node, stopping)
    socket = EventSocket(node, access, stopping)
    inner.router.routes.append(WebSocketRoute(EVENT_SOCKET_PATH, socket))
    add_mark_routes(inner.router, node)
    add_conversation_routes(inner.router, node)
    add_search_route(inner.router, node)
    add_import_routes(inner.router, node)
    add_signal_routes(inner.router, node)
    add_contact_routes(inner.router, node)
    add_file_routes(inner.router, node)
    add_mesh_routes(inner.router, node)
    add_group_routes(inner.router, node)
    add_member_routes(inner.router, node)
    add_group_link_route(inner.router, node)
    add_group_picture_routes(inner.router, node)
    add_delivery_route(inner.router, node)
    add_profile_routes(inner.router, node)
    add_own_routes(inner.router, node, name)
    add_safety_routes(inner.router, node)
    add_direct_routes(inner.router, node)
    add_introduction_routes(inner.router, node)
    add_invite_routes(inner.router, node)
    add_qr_routes(inner.router, node)
    add_device_routes(inner.router, node)
    add_pairing_routes(inner.router, node)
    add_proof_route(inner.router, node, token)
    add_mailbox_routes(inner.router, node)
    add_webhook_routes(inner.router, node)
    add_push_routes(inner.router, node)
    add_docs_routes(inner)
    add_link_routes(inner.router, node)
    inner.router.middleware_stack = RouteIndex(inner.routes, inner.router.middleware_stack)
    inner.add_exception_handler(ZentalkError, _on_zentalk_error)
    inner.add_exception_handler(RequestValidationError, _on_invalid)
    inner.add_exception_handler(HTTPException, _on_http_error)
    inner.add_exception_handler(Exception, _on_bug)
    return inner


async def _on_zentalk_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ZentalkError)
    if isinstance(error, StorageError):  # The answer says less than its operator has to know.
        _LOG.error("storage_failed", fault=error.fault.value, code=error.code)
    return problem_of(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid(error.errors())


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, headers = HTTPStatus(error.status_code), error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The library knows one route at a time, and a path has one for each method.
        headers = {"Allow": ", ".join(_TABLE.methods(request.scope["path"]))}
    return problem(status, _HTTP_WORDS.get(status, str(error.detail)), headers)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return unexpected()  # Starlette raises the error again, and Shield logs its class.

"""The guard in front of every route checks Host, Origin and token.

It is plain ASGI, because it runs for each request. The list of allowed hosts defeats DNS
rebinding, the check of Origin keeps foreign pages out, and the token decides about the rest. The
routes about devices and webhooks need the owner's token. It never says which part of a token was
wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from zentalk.api.access import OWNER, WHO, Access
from zentalk.api.device_routes import DEVICES_PATH
from zentalk.api.webhook_routes import WEBHOOKS_PATH
from zentalk.web.head_requests import HeadAsGet
from zentalk.web.problems import problem
from zentalk.web.token_proof import PROOF_PATH

EVENT_SOCKET_PATH: Final = "/v1/events/ws"
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
OPEN_PATHS: Final = frozenset({"/v1/health", "/v1/openapi.json", PROOF_PATH})
SOCKET_PATHS: Final = frozenset({EVENT_SOCKET_PATH})
"""WebSockets that take a token in their first message: browsers cannot set a header."""


class Guard:
    """Lets a request through to `app`, or answers it with a problem document.

    `hosts` are names under which this node may be addressed, besides the loopback ones.
    """

    def __init__(self, app: ASGIApp, access: Access, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._for_head = HeadAsGet(app)
        self._access = access
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host, origin, credentials = _read(scope["headers"])
        who = scope[WHO] = self._access.who(credentials)
        refusal = self._refusal_of_place(host, origin)
        if refusal is None and not _introduces_itself(scope, credentials):
            refusal = _refusal_of_person(scope["path"], who)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        app = self._for_head if scope["method"] == "HEAD" else self._app
        with self._access.request(who or OWNER):
            await app(scope, receive, send)

    def _refusal_of_place(self, host: str | None, origin: str | None) -> Response | None:
        if host is None or _without_port(host) not in self._hosts:
            return problem(
                HTTPStatus.FORBIDDEN,
                "this node does not answer under that host name; use 127.0.0.1",
            )
        if origin is not None and not self._is_own(origin):
            return problem(HTTPStatus.FORBIDDEN, "requests from other web pages are refused")
        return None

    def _is_own(self, origin: str) -> bool:
        try:
            place = urlsplit(origin)
        except ValueError:
            return False
        return place.scheme in {"http", "https"} and _without_port(place.netloc) in self._hosts


def _introduces_itself(scope: Scope, credentials: bytes | None) -> bool:
    """Say whether a WebSocket shows its token later: whoever serves it then asks for one."""
    return scope["type"] == "websocket" and credentials is None and scope["path"] in SOCKET_PATHS


def _refusal_of_person(path: str, who: str | None) -> Response | None:
    if path in OPEN_PATHS:
        return None
    if who is None:
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "the token is missing, wrong or revoked; send it as: Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )
    if who != OWNER and path.startswith(DEVICES_PATH):
        return problem(
            HTTPStatus.FORBIDDEN,
            "a device cannot admit or revoke devices; use the owner's token: zentalk api token",
        )
    if who != OWNER and path.startswith(WEBHOOKS_PATH):
        return problem(
            HTTPStatus.FORBIDDEN,
            "a device cannot see or change webhooks; use the owner's token: zentalk api token",
        )
    return None


def _read(headers: list[tuple[bytes, bytes]]) -> tuple[str | None, str | None, bytes | None]:
    """Return host, origin and credentials; one that is given twice counts as wrong."""
    host = origin = credentials = None
    for name, value in headers:
        if name == b"host":
            host = value if host is None else b""
        elif name == b"origin":
            origin = value if origin is None else b""
        elif name == b"authorization":
            credentials = value if credentials is None else b""
    return (
        None if host is None else host.decode("latin-1").lower(),
        None if origin is None else origin.decode("latin-1").lower(),
        credentials,
    )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host

"""The guard in front of every route checks Host, Origin and token.

It is plain ASGI, because it runs for each request. The list of allowed hosts defeats DNS
rebinding, the check of Origin keeps foreign pages out, and the token decides about the rest: the
owner's opens everything, a device's what `zentalk.api.route_table` lets its scope do. It never says
which part of a token was wrong, and counts no request of those who have none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import trio
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from zentalk.api.callers import CALLER, NOBODY, THE_OWNER, Caller, device_caller
from zentalk.api.device_facade import AttendanceFacade, DeviceFacade
from zentalk.api.rate_limit import RateLimit
from zentalk.api.route_table import Need, RouteTable
from zentalk.crypto.hashing import equal
from zentalk.web.head_requests import HeadAsGet
from zentalk.web.problem_types import SCOPE
from zentalk.web.problems import problem
from zentalk.web.token import bearer_token

EVENT_SOCKET_PATH: Final = "/v1/events/ws"
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
SOCKET_PATHS: Final = frozenset({EVENT_SOCKET_PATH})
"""WebSockets that take a token in their first message: browsers cannot set a header."""


class Access:
    """Tells whose a request is, and holds the open requests of every device.

    A revoked device loses its open requests and streams at once, not at its next request.
    """

    def __init__(
        self, owner_token: str, devices: DeviceFacade, attendance: AttendanceFacade
    ) -> None:
        self._owner = owner_token.encode("ascii")
        self._usual = b"Bearer " + self._owner
        self._devices = devices
        self._attendance = attendance
        self._open: dict[str, set[trio.CancelScope]] = {}
        devices.tell_revoked(self._cut)

    def caller(self, credentials: bytes | None) -> Caller:
        """Return the owner, a device, or NOBODY for credentials that open nothing."""
        if credentials is None:
            return NOBODY
        if equal(credentials, self._usual):  # as nearly everybody writes it
            return THE_OWNER
        token = bearer_token(credentials)
        if not token:
            return NOBODY
        if equal(token, self._owner):
            return THE_OWNER
        device = self._devices.admitted(token)
        return NOBODY if device is None else device_caller(device)

    @contextmanager
    def request(self, caller: Caller) -> Iterator[None]:
        """Hold one request open; it is cancelled when its device is revoked."""
        if caller is NOBODY or caller is THE_OWNER:  # The owner's token is no device's.
            yield
            return
        self._attendance.began(caller.id)
        try:
            with self._cancelled_with(caller.device_id):
                yield
        finally:
            self._attendance.ended(caller.id)

    @contextmanager
    def _cancelled_with(self, device_id: str) -> Iterator[None]:
        if not device_id:  # Nobody can revoke the owner's token.
            yield
            return
        with trio.CancelScope() as scope:
            scopes = self._open.setdefault(device_id, set())
            scopes.add(scope)
            try:
                yield
            finally:
                scopes.discard(scope)
                if not scopes:
                    self._open.pop(device_id, None)

    def _cut(self, device_id: str) -> None:
        for scope in self._open.get(device_id, ()):
            scope.cancel()
        self._attendance.forget(device_id)


class Guard:
    """Lets a request through to `app`, or answers it with a problem document.

    `hosts` are names under which this node may be addressed, besides the loopback ones.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        hosts: Collection[str] = (),
        limit: RateLimit | None = None,
    ) -> None:
        self._app = app
        self._for_head = HeadAsGet(app)
        self._access = access
        self._limit = limit
        self._routes = RouteTable()
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host, origin, credentials = _read(scope["headers"])
        caller = self._access.caller(credentials)
        scope = {**scope, CALLER: caller}  # what a peer sent is never under that key
        refusal = self._refusal_of_place(host, origin) or self._refusal_of_rate(caller)
        if refusal is None and caller is not THE_OWNER:  # the owner's token opens everything
            refusal = self._refusal_of_person(caller, scope, credentials)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        app = self._for_head if scope["method"] == "HEAD" else self._app
        with self._access.request(caller):
            await app(scope, receive, send)

    def _refusal_of_person(
        self, caller: Caller, scope: Scope, credentials: bytes | None
    ) -> Response | None:
        if _introduces_itself(scope, credentials):
            return None
        need = self._routes.need(scope.get("method", "GET"), scope["path"])
        return _refusal_of_person(caller, need)

    def _refusal_of_place(self, host: str | None, origin: str | None) -> Response | None:
        if host is None or _without_port(host) not in self._hosts:
            return problem(
                HTTPStatus.FORBIDDEN,
                "this node does not answer under that host name; use 127.0.0.1",
            )
        if origin is not None and not self._is_own(origin):
            return problem(HTTPStatus.FORBIDDEN, "requests from other web pages are refused")
        return None

    def _refusal_of_rate(self, caller: Caller) -> Response | None:
        if self._limit is None or caller is NOBODY:
            return None
        return self._limit.refusal(caller.id)

    def _is_own(self, origin: str) -> bool:
        try:
            place = urlsplit(origin)
        except ValueError:
            return False
        return place.scheme in {"http", "https"} and _without_port(place.netloc) in self._hosts


def _introduces_itself(scope: Scope, credentials: bytes | None) -> bool:
    """Say whether a WebSocket shows its token later: whoever serves it then asks for one."""
    return scope["type"] == "websocket" and credentials is None and scope["path"] in SOCKET_PATHS


def _refusal_of_person(caller: Caller, need: Need) -> Response | None:
    if caller.meets >= need:
        return None
    if caller is NOBODY:
        return problem(
            HTTPStatus.UNAUTHORIZED,
            "the token is missing, wrong or revoked; send it as: Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )
    needed, has = need.name.lower(), caller.meets.name.lower()
    if need is Need.OWNER:
        sentence = (
            "only the owner's token opens this, or it does not exist; a device's never does:"
            " see: zentalk api token"
        )
    else:
        sentence = (
            f"this needs the scope '{needed}', and the token of this device has '{has}':"
            " pair the device again with that scope"
        )
    return problem(HTTPStatus.FORBIDDEN, sentence, kind=SCOPE, more={"needs": needed})


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

"""The index of routes finds what a look at all finds, and leaves the rest to the library."""

from __future__ import annotations

import re

from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from tests.api.double import FakeNode
from tests.api.test_route_table import routes, sample
from zentalk.api.guard import EVENT_SOCKET_PATH
from zentalk.api.route_table import ROUTES
from zentalk.api.routes import RouteIndex


async def test_the_index_finds_the_route_that_a_look_at_all_finds(node: FakeNode) -> None:
    found: list[str] = []

    async def otherwise(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append("otherwise")

    def noting(route: Route) -> Route:
        async def handle(_scope: Scope, _receive: Receive, _send: Send) -> None:
            found.append(f"{min(route.methods or ())} {route.path}")

        vars(route)["handle"] = handle
        return route

    index = RouteIndex([noting(route) for route in routes(node)], otherwise)
    keys_of_http = [key for key in ROUTES if key != f"GET {EVENT_SOCKET_PATH}"]
    for key in keys_of_http:
        method, _, template = key.partition(" ")
        scope = {"type": "http", "method": method, "path": sample(template)}
        await index(scope, receive, send)
        if template == "/docs/{name}":  # its second segment is no word: it is looked for in all
            assert found.pop() == "otherwise"
            continue
        assert found.pop() == key
        assert set(scope["path_params"]) == set(re.findall(r"{(\w+)}", template))
    for method, path in (("PUT", "/v1/me"), ("GET", "/v1/nothing"), ("GET", ""), ("GET", "/")):
        await index({"type": "http", "method": method, "path": path}, receive, send)
        assert found.pop() == "otherwise"


async def receive() -> Message:
    raise AssertionError


async def send(_message: Message) -> None:
    raise AssertionError

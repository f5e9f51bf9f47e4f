"""Who may do what: every route has a line in the table, and the guard keeps to it."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import Match, Route, WebSocketRoute

from tests.api.documented import UNDESCRIBED, hooks
from tests.api.double import BOB, TOKEN, FakeNode
from zentalk.api import guard
from zentalk.api.app import create_app, create_routes
from zentalk.api.guard import EVENT_SOCKET_PATH, Access
from zentalk.api.route_table import NEED_OF, ROUTES, Need, Operation, RouteTable
from zentalk.wire.devices import DeviceScope
from zentalk.wire.text import format_address

SAMPLES = {
    "address": format_address(BOB),
    "group": format_address(BOB),
    "message_id": "0" * 32,
    "invite_id": "0" * 16,
    "ticket": "0" * 32,
    "webhook_id": "0" * 16,
    "device_id": "0" * 16,
    "pairing_id": "0" * 16,
    "name": "start.js",
    "link_id": "0" * 16,
    "cid": "0" * 64,
}


def routes(node: FakeNode) -> list[Route]:
    access = Access(TOKEN, node.devices, node.attendance)
    found = create_routes(node, TOKEN, node.stopping, access).routes
    assert all(isinstance(route, Route | WebSocketRoute) for route in found)
    return [route for route in found if isinstance(route, Route)]


def keys(node: FakeNode) -> Iterator[str]:
    for route in routes(node):
        for method in (route.methods or set()) - {"HEAD"}:
            yield f"{method} {route.path}"
    yield f"GET {EVENT_SOCKET_PATH}"


def sample(template: str) -> str:
    for name, value in SAMPLES.items():
        template = template.replace(f"{{{name}}}", value)
    assert "{" not in template, f"give {template} a sample"
    return template


def client(node: FakeNode, token: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(
        app=create_app(node, TOKEN, node.stopping), raise_app_exceptions=False
    )
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=headers, event_hooks=hooks()
    )


async def test_every_route_has_its_line_and_every_line_its_route(node: FakeNode) -> None:
    assert set(keys(node)) == set(ROUTES), "say in the table what a token needs for it"


async def test_the_table_finds_every_route_and_starlette_the_same(node: FakeNode) -> None:
    table, known = RouteTable(), list(routes(node))
    for key, entry in ROUTES.items():
        method, _, template = key.partition(" ")
        path = sample(template)
        assert table.need(method, path) is entry.need, key
        scope = {"type": "http", "method": method, "path": path}
        if path == EVENT_SOCKET_PATH:
            continue
        first = next(route for route in known if route.matches(scope)[0] is Match.FULL)
        assert first.path == template


async def test_operation_ids_are_names_and_each_is_there_once(node: FakeNode) -> None:
    ids = [entry.name for entry in ROUTES.values()]
    assert len(set(ids)) == len(ids)
    assert all(each.isidentifier() and each[0].islower() for each in ids)
    async with client(node, TOKEN) as rest:
        document = (await rest.get("/v1/openapi.json")).json()
    shown = {
        f"{method.upper()} {path}": (operation["operationId"], operation["x-scope"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert shown == {
        key: (entry.name, entry.need.name.lower())
        for key, entry in ROUTES.items()
        if key not in UNDESCRIBED
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("PUT", "/v1/me"),
        ("OPTIONS", "/v1/contacts"),
        ("GET", "/v1/me/"),
        ("GET", "//v1/me"),
        ("GET", "/V1/me"),
        ("GET", "/v1/devices\n"),
        ("GET", "/v1/messages/"),
        ("GET", "/v1/messages/a/b"),
        ("GET", ""),
        ("get", "/v1/me"),
    ],
)
def test_what_is_not_in_the_table_needs_the_owner(method: str, path: str) -> None:
    assert RouteTable().need(method, path) is Need.OWNER


@pytest.mark.parametrize("scope", list(DeviceScope))
async def test_k21_a_scope_opens_what_the_table_says_and_nothing_more(
    node: FakeNode, scope: DeviceScope
) -> None:
    _, token = await node.devices.add("phone", scope)
    async with client(node, token) as rest:
        for key, entry in ROUTES.items():
            method, _, template = key.partition(" ")
            if entry.name == "streamEvents":
                continue  # It has no end; tests/api/test_stream.py reads it.
            answer = await rest.request(method, sample(template))
            if NEED_OF[scope] >= entry.need:
                assert answer.status_code not in {401, 403}, key
                continue
            assert answer.status_code == 403, key
            problem = answer.json()
            assert problem["needs"] == entry.need.name.lower()
            assert problem["type"] == "urn:zentalk:problem:scope"
            assert "owner's" in problem["detail"] or f"'{problem['needs']}'" in problem["detail"]
    assert len(node.devices.tokens) == 1


async def test_k21_control_without_the_comparison_a_reader_writes(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_refusal_of_person", lambda _caller, _need: None)
    _, token = await node.devices.add("tv", DeviceScope.READ)
    async with client(node, token) as rest:
        path = sample("/v1/conversations/{address}/messages")
        assert (await rest.post(path, json={"text": "not mine"})).status_code == 202


async def test_k21_control_a_route_without_its_line_is_shut_to_devices(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest_of: dict[str, Operation] = {k: v for k, v in ROUTES.items() if k != "GET /v1/me"}
    monkeypatch.setattr(guard, "RouteTable", lambda: RouteTable(rest_of))
    _, token = await node.devices.add("phone", DeviceScope.ADMIN)
    async with client(node, token) as rest:
        assert (await rest.get("/v1/me")).status_code == 403
    async with client(node, TOKEN) as rest:
        assert (await rest.get("/v1/me")).status_code == 200
    assert set(keys(node)) - set(rest_of) == {"GET /v1/me"}

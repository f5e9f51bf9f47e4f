"""K22: who gets in. Each guard also has its control: without it, the attack works."""

import httpx
import pytest

from tests.api.double import TOKEN, FakeNode
from zentalk.api import guard
from zentalk.api.app import create_app

OWN = "http://127.0.0.1:3001"
EVIL = "http://evil.example"


def client(node: FakeNode, *hosts: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping, hosts=hosts))
    return httpx.AsyncClient(transport=transport, base_url=OWN)


async def status(node: FakeNode, path: str = "/v1/contacts", **headers: str) -> int:
    headers = {"Authorization": f"Bearer {TOKEN}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with client(node) as rest:
        response = await rest.get(path, headers=headers)
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert TOKEN not in response.text
    return response.status_code


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN[:-1]}x",
        f"Basic {TOKEN}",
        f"Bearer{TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer\t{TOKEN}",
        TOKEN,
    ],
)
async def test_k22_a_wrong_token_opens_nothing(node: FakeNode, credentials: str) -> None:
    assert await status(node, Authorization=credentials) == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer ", "bEARER   "])
async def test_the_scheme_has_no_case_and_may_be_followed_by_spaces(
    node: FakeNode, scheme: str
) -> None:
    assert await status(node, Authorization=f"{scheme} {TOKEN}") == 200


async def test_k22_no_token_opens_nothing_but_health_and_proof(node: FakeNode) -> None:
    async with client(node) as rest:
        document = (await rest.get("/v1/openapi.json")).json()
        for path, operations in document["paths"].items():
            for method in operations:
                answer = await rest.request(method, path)
                # Health is open; so are the proof and the code of a pairing, not given here.
                opened = {"/v1/health": 200, "/v1/proof": 422, "/v1/pairings/redeem": 422}
                assert answer.status_code == opened.get(path, 401), path
                if answer.status_code == 401:
                    assert answer.headers["www-authenticate"] == "Bearer"


async def test_k22_two_tokens_are_not_one(node: FakeNode) -> None:
    async with client(node) as rest:
        headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
        assert (await rest.get("/v1/contacts", headers=headers)).status_code == 401


async def test_k22_control_without_the_comparison_any_token_works(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "equal", lambda _left, _right: True)
    assert await status(node, Authorization="Bearer x") == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "", "localhost.", "10.0.0.1"],
)
@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/health"])
async def test_k22_a_rebound_host_name_is_refused(node: FakeNode, host: str, path: str) -> None:
    assert await status(node, path, Host=host) == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:3001", "LOCALHOST", "[::1]:3001"])
async def test_own_host_names(node: FakeNode, host: str) -> None:
    assert await status(node, Host=host) == 200


async def test_k22_control_without_the_list_a_rebound_host_gets_in(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LOOPBACK_HOSTS", frozenset({"evil.example"}))
    assert await status(node, Host="evil.example") == 200


async def test_a_configured_host_name(node: FakeNode) -> None:
    async with client(node, "node.home") as rest:
        answer = await rest.get("/v1/health", headers={"Host": "Node.Home:3001"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", "file://", "http://127.0.0.1.evil.example", "http://[", "evil"]
)
async def test_k22_a_foreign_origin_is_refused(node: FakeNode, origin: str) -> None:
    assert await status(node, Origin=origin) == 403


async def test_k22_control_without_the_check_a_foreign_origin_gets_in(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard.Guard, "_is_own", lambda _self, _origin: True)
    assert await status(node, Origin=EVIL) == 200


async def test_own_origin(node: FakeNode) -> None:
    assert await status(node, Origin=OWN) == 200


async def test_k22_no_answer_invites_other_pages_or_loads_anything(node: FakeNode) -> None:
    async with client(node) as rest:
        for path in ("/v1/health", "/v1/contacts", "/v1/openapi.json", "/docs", "/docs/start.js"):
            headers = {"Origin": OWN, "Authorization": f"Bearer {TOKEN}"}
            answer = await rest.get(path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            kept = "no-cache" if path.startswith("/docs") else "no-store"
            assert answer.headers["cache-control"] == kept
        preflight = await rest.options("/v1/contacts", headers={"Origin": EVIL})
        assert preflight.status_code == 403


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/ws"])
async def test_websockets_from_elsewhere_or_to_other_paths_are_refused(
    node: FakeNode, path: str
) -> None:
    sent = []

    async def send(message):  # type: ignore[no-untyped-def]
        sent.append(message)

    async def receive():  # type: ignore[no-untyped-def]
        return {"type": "websocket.connect"}

    app = create_app(node, TOKEN, node.stopping)
    host = (b"host", b"127.0.0.1" if path == "/v1/events" else b"evil.example")
    await app({"type": "websocket", "headers": [host], "path": path}, receive, send)
    assert [message.get("status") for message in sent] == [
        401 if path == "/v1/events" else 403,
        None,
    ]

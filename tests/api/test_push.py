"""Push endpoints over REST: each device its own, the owner all; and a phone woken by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.api.double import TOKEN, FakeNode
from tests.node.notify.phones import WakingPart, waking
from tests.node.notify.push_server import PushServer
from tests.web.served import served
from zentalk.api import push_routes
from zentalk.api.app import create_app
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.wire.devices import DeviceScope

PATH = "/v1/push"
ENDPOINT = "https://push.example/upAbCdEf?up=1"
KEY = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
KEYS = {"p256dh": KEY, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}


@pytest.fixture
async def part(node: FakeNode, tmp_path: Path) -> AsyncIterator[WakingPart]:
    server = PushServer(host="https://push.example")
    async with waking(tmp_path, server) as part:
        node.push, node.devices, node.attendance = part.push, part.tokens, part.attendance  # type: ignore[assignment]
        yield part


@asynccontextmanager
async def bearer(node: FakeNode, token: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


async def admit(
    part: WakingPart, name: str = "phone", scope: DeviceScope = DeviceScope.WRITE
) -> tuple[str, str]:
    entry, token = await part.tokens.add(name, scope)
    return entry.device_id.hex(), token


async def test_a_device_registers_tests_and_removes_its_own(
    node: FakeNode, part: WakingPart
) -> None:
    device, token = await admit(part)
    part.server.subscribe("/upAbCdEf", is_encrypted=False)
    async with bearer(node, token) as rest:
        made = await rest.post(PATH, json={"endpoint": ENDPOINT, "types": ["message."]})
        assert made.status_code == 201
        shown = made.json()
        assert (shown["device"], shown["host"], shown["types"]) == (
            device, "push.example", ["message."],
        )  # fmt: skip
        assert (shown["encrypted"], shown["signed"], shown["woken_at"]) == (False, False, None)
        assert "upAbCdEf" not in made.text
        assert (await rest.get(PATH)).json() == {"endpoints": [shown]}
        tested = await rest.post(f"{PATH}/{device}/test")
        assert (tested.status_code, tested.json()) == (
            200, {"accepted": True, "status": 201, "error": ""},
        )  # fmt: skip
        part.server.status = 404
        gone = (await rest.post(f"{PATH}/{device}/test")).json()
        assert gone == {"accepted": False, "status": 404, "error": "the answer was 404"}
        await rest.post(f"{PATH}/{device}/test")
        assert (await rest.post(f"{PATH}/{device}/test")).status_code == 429
        assert (await rest.delete(f"{PATH}/{device}")).status_code == 204
        assert (await rest.delete(f"{PATH}/{device}")).status_code == 404
        assert (await rest.get(PATH)).json() == {"endpoints": []}


async def test_as_a_browser_gives_it_with_a_key_of_the_node(
    node: FakeNode, part: WakingPart
) -> None:
    device, token = await admit(part)
    async with bearer(node, token) as rest:
        key = (await rest.get(f"{PATH}/key")).json()["key"]
        phone = part.server.subscribe("/upAbCdEf", vapid=key)
        body = {"endpoint": ENDPOINT, "keys": phone.public(), "signed": True}
        shown = (await rest.post(PATH, json=body)).json()
        assert (shown["encrypted"], shown["signed"]) == (True, True)
        assert shown["types"][0] == "message.received"
        assert (await rest.post(f"{PATH}/{device}/test")).json()["accepted"]
    assert [opened for _, opened in phone.taken] == [b""]


async def others(node: FakeNode, part: WakingPart) -> list[int]:
    """What one device gets that reaches for the endpoint of another."""
    device, token = await admit(part)
    other, _ = await admit(part, "tablet")
    async with bearer(node, TOKEN) as rest:
        made = await rest.post(PATH, json={"endpoint": ENDPOINT, "device": other})
        assert made.status_code == 201
    async with bearer(node, token) as rest:
        answers = [
            await rest.post(PATH, json={"endpoint": ENDPOINT, "device": other}),
            await rest.get(f"{PATH}/key", params={"device": other}),
            await rest.post(f"{PATH}/{other}/test"),
            await rest.delete(f"{PATH}/{other}"),
        ]
        assert (await rest.get(PATH)).json() == {"endpoints": []}
    assert device != other
    return [answer.status_code for answer in answers]


async def test_no_device_reaches_the_endpoint_of_another(node: FakeNode, part: WakingPart) -> None:
    assert await others(node, part) == [404, 404, 404, 404]
    assert len(await part.push.listing()) == 1


async def test_control_without_the_comparison_it_does(
    node: FakeNode, part: WakingPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_routes, "_device", lambda own, named: named or own)
    assert await others(node, part) == [201, 200, 200, 204]


async def test_the_owner_names_the_device_and_may_name_any_place(
    node: FakeNode, part: WakingPart
) -> None:
    device, token = await admit(part)
    near = "http://192.168.1.2:8080/up1"
    async with bearer(node, TOKEN) as rest:
        assert (await rest.post(PATH, json={"endpoint": near})).status_code == 422
        unknown = await rest.post(PATH, json={"endpoint": near, "device": "00" * 8})
        assert unknown.status_code == 404
        assert (await rest.get(f"{PATH}/key")).status_code == 422
    async with bearer(node, token) as rest:
        refused = await rest.post(PATH, json={"endpoint": near})
        assert refused.status_code == 422
        assert "public Internet" in refused.json()["detail"]
        assert "192.168" not in refused.text
    async with bearer(node, TOKEN) as rest:
        assert (await rest.post(PATH, json={"endpoint": near, "device": device})).status_code == 201
        [listed] = (await rest.get(PATH)).json()["endpoints"]
        assert (listed["device"], listed["host"]) == (device, "192.168.1.2")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"endpoint": "ftp://a/"},
        {"endpoint": "https://u:p@a/"},
        {"endpoint": ENDPOINT, "keys": {"p256dh": KEY}},
        {"endpoint": ENDPOINT, "keys": {"p256dh": KEY, "auth": "AA"}},
        {"endpoint": ENDPOINT, "keys": KEYS, "types": ["X"]},
        {"endpoint": ENDPOINT, "keys": KEYS, "expirationTime": None},
        {"endpoint": "https://a/" + "x" * 1000},
    ],
)
async def test_what_is_no_endpoint_is_refused_without_quoting_it(
    node: FakeNode, part: WakingPart, body: dict[str, Any]
) -> None:
    _, token = await admit(part)
    async with bearer(node, token) as rest:
        answer = await rest.post(PATH, json=body)
    assert answer.status_code == 422
    assert "u:p" not in answer.text
    assert KEY not in answer.text


async def test_a_reader_sees_its_own_and_changes_nothing(node: FakeNode, part: WakingPart) -> None:
    _, token = await admit(part, scope=DeviceScope.READ)
    async with bearer(node, token) as rest:
        assert (await rest.get(PATH)).status_code == 200
        assert (await rest.post(PATH, json={"endpoint": ENDPOINT})).status_code == 403


async def test_a_phone_is_woken_over_real_http_and_revoked(
    node: FakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, poster = PushServer(), HttpPoster()
    phone = server.subscribe()
    monkeypatch.setattr(PushServer, "post", lambda _self, *request: poster.post(*request))
    async with served(server) as place, waking(tmp_path, server, 0.02) as part:
        server.host = place.url
        device = await part.device()
        await part.register(device, phone, is_signed=True, is_trusted=True)
        await part.happen()
        with trio.fail_after(60):
            await server.came.wait()
        [(_, path, headers, body)] = server.requests
        assert (path, len(body), headers["content-encoding"]) == ("/up1", 103, "aes128gcm")
        assert headers["authorization"].startswith("vapid t=ey")
        await part.tokens.revoke(device)
        await part.happen()
        await trio.sleep(0.2)
        assert len(server.requests) == 1

"""Pairing over REST: who may invite, and that a code gives a token once."""

import httpx

from tests.api.documented import hooks
from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.web.pair_link import read_link
from zentalk.wire.devices import DeviceScope

PAIRINGS = "/v1/devices/pairings"


async def redeem(node: FakeNode, code: str) -> httpx.Response:
    """As a new device does, which has no token."""
    return (await redeem_often(node, code, 1))[0]


async def redeem_often(node: FakeNode, code: str, times: int) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", event_hooks=hooks()
    ) as stranger:
        asked = {"code": code}
        return [await stranger.post("/v1/pairings/redeem", json=asked) for _ in range(times)]


async def test_a_device_is_paired_once(rest: httpx.AsyncClient, node: FakeNode) -> None:
    made = await rest.post(PAIRINGS, json={"name": "phone", "scope": "read"})
    assert made.status_code == 201
    pairing = made.json()
    assert read_link(pairing["link"]) == ("http://127.0.0.1:3001", pairing["code"])
    listed = (await rest.get(PAIRINGS)).json()["pairings"]
    assert [each["id"] for each in listed] == [pairing["id"]]
    assert pairing["code"] not in str(listed)
    device = await redeem(node, pairing["code"])
    assert (device.status_code, device.json()["scope"]) == (201, "read")
    headers = {"Authorization": f"Bearer {device.json()['token']}"}
    assert (await rest.get("/v1/me", headers=headers)).status_code == 200
    assert (await rest.post("/v1/contacts", json={}, headers=headers)).status_code == 403
    assert (await redeem(node, pairing["code"])).status_code == 404


async def test_guessing_is_answered_with_429(node: FakeNode) -> None:
    answers = await redeem_often(node, "A" * 16, 21)
    assert [answer.status_code for answer in answers] == [404] * 20 + [429]


async def test_a_pairing_is_cancelled(rest: httpx.AsyncClient, node: FakeNode) -> None:
    pairing = (await rest.post(PAIRINGS, json={"name": "phone"})).json()
    path = f"{PAIRINGS}/{pairing['id']}"
    assert [(await rest.delete(path)).status_code for _ in range(2)] == [204, 404]
    assert (await redeem(node, pairing["code"])).status_code == 404


async def test_a_device_pairs_others_below_its_own_scope(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    laptop, token = await node.devices.add("laptop", DeviceScope.ADMIN)
    headers = {"Authorization": f"Bearer {token}"}
    refused = await rest.post(PAIRINGS, json={"name": "x", "scope": "admin"}, headers=headers)
    assert (refused.status_code, refused.json()["needs"]) == (403, "owner")
    pairing = (await rest.post(PAIRINGS, json={"name": "phone"}, headers=headers)).json()
    phone = (await redeem(node, pairing["code"])).json()
    assert phone["added_by"] == laptop.device_id.hex()


async def test_pictures(rest: httpx.AsyncClient) -> None:
    pairing = (await rest.post(PAIRINGS, json={"name": "phone"})).json()
    path = f"{PAIRINGS}/{pairing['id']}/qr"
    svg, png = await rest.get(path), await rest.get(path, params={"format": "png"})
    assert svg.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in svg.content
    assert png.content.startswith(b"\x89PNG")
    assert png.headers["cache-control"] == "no-store"

"""Direct connections over REST."""

from __future__ import annotations

import httpx

from tests.api.double import BOB, STRANGER, FakeNode
from tests.api.test_routes import check
from zentalk.rest.direct import Direct
from zentalk.wire.text import format_address

PATH = f"/v1/contacts/{format_address(BOB)}/direct"


async def test_both_allow_it_and_the_way_is_shown(rest: httpx.AsyncClient, node: FakeNode) -> None:
    await rest.post("/v1/contacts", json={"address": format_address(BOB), "name": "Bob"})
    first = await rest.get(PATH)
    check(Direct, first)
    assert first.json() == {
        "address": format_address(BOB),
        "allowed": False,
        "allowed_by_them": False,
        "path": "relay",
        "why_not": "",
    }
    node.direct.allowed_by_them.add(format_address(BOB))
    assert (await rest.put(PATH, json={"allowed": True})).json()["path"] == "direct"
    ended = (await rest.put(PATH, json={"allowed": False})).json()
    assert (ended["allowed"], ended["path"]) == (False, "relay")


async def test_where_none_are_made_the_reason_is_told(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    await rest.post("/v1/contacts", json={"address": format_address(BOB), "name": "Bob"})
    node.direct.impossible = "this node reaches everything through a proxy"
    refused = await rest.put(PATH, json={"allowed": True})
    assert (refused.status_code, refused.json()["detail"]) == (409, node.direct.impossible)
    assert (await rest.put(PATH, json={"allowed": False})).status_code == 200


async def test_strangers_and_wrong_bodies_are_refused(rest: httpx.AsyncClient) -> None:
    unknown = f"/v1/contacts/{format_address(STRANGER)}/direct"
    assert (await rest.get(unknown)).status_code == 404
    assert (await rest.put(unknown, json={"allowed": True})).status_code == 404
    for body in ({}, {"allowed": "yes"}, {"allowed": True, "now": 1}):
        assert (await rest.put(PATH, json=body)).status_code == 422

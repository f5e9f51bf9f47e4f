"""Linked nodes over REST: a code in one answer only, and a sealed identity of the right shape."""

from __future__ import annotations

import httpx
import pytest

from tests.api.documented import hooks
from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app

SEALED = "01" * 113


@pytest.fixture
def rest(node: FakeNode) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {TOKEN}"},
        event_hooks=hooks(),
    )


async def test_a_link_is_made_shown_and_ended(rest: httpx.AsyncClient, node: FakeNode) -> None:
    async with rest:
        assert (await rest.get("/v1/links")).json() == {
            "role": "alone",
            "term": 0,
            "recovery": False,
            "strict": False,
            "pending": 0,
            "unconfirmed": 0,
            "note": "",
            "links": [],
        }
        made = await rest.post("/v1/links")
        assert made.status_code == 201
        link_id = made.json()["id"]
        assert made.json()["code"] == "zentalk-link:code"
        state = (await rest.get("/v1/links")).json()
        assert (state["role"], state["links"][0]["id"]) == ("first", link_id)
        assert "code" not in str(state)
        assert (await rest.post("/v1/links")).status_code == 409
        assert (await rest.delete(f"/v1/links/{link_id}")).status_code == 204
        assert (await rest.delete(f"/v1/links/{link_id}")).status_code == 404


async def test_a_sealed_identity_has_one_size(rest: httpx.AsyncClient, node: FakeNode) -> None:
    async with rest:
        assert (await rest.put("/v1/links/recovery", json={"sealed": SEALED})).status_code == 204
        assert node.links.sealed == bytes.fromhex(SEALED)
        for wrong in (SEALED[:-2], SEALED + "00", "zz" * 113, SEALED.upper().replace("0", "A"), ""):
            refused = await rest.put("/v1/links/recovery", json={"sealed": wrong})
            assert refused.status_code == 422
            assert wrong not in refused.text or not wrong

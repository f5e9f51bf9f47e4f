"""`GET /v1/proof`: no token goes in, and what comes out covers the port of the connection."""

import httpx
import pytest

from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.web.token_proof import key_of, name_of, prove

NONCE = bytes(range(32))


async def ask(node: FakeNode, token: str, port: int = 3001, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as stranger:
        params = {"nonce": NONCE.hex(), "key": name_of(key_of(token)).hex()}
        return await stranger.get("/v1/proof", params=params, headers=headers)


async def test_the_owners_token_is_proved_on_the_port_of_the_connection(node: FakeNode) -> None:
    for port in (3001, 4001):
        # The header says something else: only the connection counts.
        answer = await ask(node, TOKEN, port, Host="127.0.0.1:9")
        assert answer.json() == {"proof": prove(key_of(TOKEN), NONCE, port).hex()}
        assert TOKEN not in answer.text


async def test_an_unknown_token_is_proved_by_nobody(node: FakeNode) -> None:
    assert (await ask(node, "x" * 43)).status_code == 404


async def test_a_devices_token_is_proved_until_it_is_revoked(node: FakeNode) -> None:
    device, token = await node.devices.add("phone")
    answer = await ask(node, token)
    assert answer.json() == {"proof": prove(key_of(token), NONCE, 3001).hex()}
    await node.devices.revoke(device.device_id.hex())
    assert (await ask(node, token)).status_code == 404


async def test_guards_of_place_hold_here_too(node: FakeNode) -> None:
    assert (await ask(node, TOKEN, Host="evil.example")).status_code == 403
    assert (await ask(node, TOKEN, Origin="http://evil.example")).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["", "nonce=00", f"nonce={NONCE.hex()}&key=zz", f"nonce={NONCE.hex()}0&key={'0' * 32}"],
)
async def test_malformed_questions(node: FakeNode, query: str) -> None:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        assert (await stranger.get(f"/v1/proof?{query}")).status_code == 422

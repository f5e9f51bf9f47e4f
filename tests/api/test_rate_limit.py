"""Each token has its own allowance of requests; virtual time only."""

import httpx
import pytest

from tests.api.double import TOKEN, FakeNode
from zentalk.api import guard
from zentalk.api.app import create_app
from zentalk.api.rate_limit import RateLimit
from zentalk.wire.devices import DeviceScope

BURST = 5


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def client(node: FakeNode, clock: Clock, token: str = TOKEN) -> httpx.AsyncClient:
    app = create_app(node, TOKEN, node.stopping, limit=RateLimit(BURST, 0.5, clock))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {token}"},
    )


async def statuses(rest: httpx.AsyncClient, count: int, **headers: str) -> list[int]:
    return [(await rest.get("/v1/me", headers=headers)).status_code for _ in range(count)]


async def test_a_burst_is_answered_and_then_a_429_says_when_to_come_back(node: FakeNode) -> None:
    clock = Clock()
    async with client(node, clock) as rest:
        assert await statuses(rest, BURST) == [200] * BURST
        refused = await rest.get("/v1/me")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "urn:zentalk:problem:rate"
        clock.now += 1.9
        assert await statuses(rest, 1) == [429]
        clock.now += 0.2
        assert await statuses(rest, 2) == [200, 429]
        clock.now += 1e9
        assert await statuses(rest, BURST + 1) == [200] * BURST + [429]


async def test_one_token_takes_nothing_from_another(node: FakeNode) -> None:
    _, token = await node.devices.add("phone", DeviceScope.READ)
    theirs = {"Authorization": f"Bearer {token}"}
    async with client(node, Clock()) as rest:
        assert (await statuses(rest, BURST + 20, **theirs))[-1] == 429
        assert await statuses(rest, BURST) == [200] * BURST
        assert await statuses(rest, 1, **theirs) == [429]


async def test_a_refused_request_changes_nothing_and_what_needs_no_token_is_not_counted(
    node: FakeNode,
) -> None:
    async with client(node, Clock()) as rest:
        await statuses(rest, BURST)
        added = await rest.post("/v1/devices", json={"name": "phone"})
        assert (added.status_code, node.devices.listing()) == (429, [])
        nobody = {"Authorization": "Bearer wrong"}
        assert await statuses(rest, BURST + 5, **nobody) == [401] * (BURST + 5)
        rest.headers.pop("Authorization")
        for _ in range(BURST + 5):
            assert (await rest.get("/v1/health")).status_code == 200


async def test_control_without_the_limit_nothing_is_refused(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard.Guard, "_refusal_of_rate", lambda _self, _caller: None)
    async with client(node, Clock()) as rest:
        assert set(await statuses(rest, 100)) == {200}

"""Mutated requests to REST (K24): an answer or a problem document, and never a bug."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock as Clock

from tests.api.documented import hooks
from tests.api.double import BOB, TOKEN
from tests.fuzz.mutations import Mutator
from zentalk.api.app import create_app
from zentalk.config.settings import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.web.problems import PROBLEM_TYPE
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
MESSAGE = f"/v1/conversations/{BOBS}/messages/00112233445566778899aabbccddeeff"
POLL = {"question": "which?", "options": ["tea", "coffee"]}
REQUESTS = (
    ("POST", "/v1/contacts", {"address": BOBS, "name": "Bob \u00e9"}),
    ("POST", f"/v1/contacts/{BOBS}/accept", None),
    ("POST", f"/v1/conversations/{BOBS}/messages", {"text": "hello \u00e9"}),
    ("POST", f"/v1/conversations/{BOBS}/read", None),
    ("GET", f"/v1/conversations/{BOBS}/messages?before=5&limit=10", None),
    ("GET", "/v1/messages/00112233445566778899aabbccddeeff", None),
    ("GET", "/v1/events?after=0&limit=10", None),
    ("POST", f"/v1/conversations/{BOBS}/messages", {"poll": POLL, "mentions": [BOBS]}),
    ("POST", f"/v1/conversations/{BOBS}/messages", {"location": {"latitude": 1, "longitude": 2}}),
    ("POST", f"/v1/conversations/{BOBS}/messages", {"sticker": {"emoji": "?", "picture": "AAAA"}}),
    ("PATCH", f"{MESSAGE}", {"text": "other words"}),
    ("PUT", f"{MESSAGE}/reaction", {"emoji": "\u2764"}),
    ("PUT", f"{MESSAGE}/vote", {"options": [0, 1]}),
    ("PUT", f"{MESSAGE}/pin", None),
    ("DELETE", f"{MESSAGE}?for=everyone", None),
    ("PUT", f"/v1/conversations/{BOBS}/timer", {"seconds": 60}),
    ("PUT", f"/v1/conversations/{BOBS}/mute", {"until": 1.5}),
    ("PUT", f"/v1/conversations/{BOBS}/draft", {"text": "half a"}),
    ("PUT", "/v1/presence", {"chats": [BOBS]}),
    ("PUT", "/v1/me/profile", {"name": "Alice", "avatar": "AAAA"}),
    ("PATCH", "/v1/me/privacy", {"typing": False}),
    ("POST", "/v1/devices", {"name": "phone"}),
    ("DELETE", "/v1/devices/0011223344556677", None),
)
CI_REQUESTS = 1_500
ALL_REQUESTS = 50_000


async def send_mutated(client: httpx.AsyncClient, count: int, seed: int) -> dict[int, int]:
    """Return how often each status was answered; each request differs from a good one somewhere."""
    draw = random.Random(seed)
    bodies = [json.dumps(body).encode() for _, _, body in REQUESTS if body is not None]
    mutator = Mutator(seed, bodies)
    answered: dict[int, int] = {}
    for _ in range(count):
        method, target, body = draw.choice(REQUESTS)
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "idempotency-key": "one"}
        what = draw.random()
        if body is not None and what < 0.7:
            content = mutator.draw([content])
        elif what < 0.9:
            path = mutator.draw([target.encode()])[:4096]
            target = "/" + path.decode("latin-1").lstrip("/")
        else:
            name = draw.choice(list(headers))
            headers[name] = mutator.draw([headers[name].encode()])[:4096].decode("latin-1")
        try:
            request = client.build_request(
                method,
                target,
                content=content,
                headers=[
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in headers.items()
                ],
            )
        except httpx.InvalidURL:
            continue
        answer = await client.send(request)
        answered[answer.status_code] = answered.get(answer.status_code, 0) + 1
        if answer.is_error:
            assert answer.headers["content-type"] == PROBLEM_TYPE, (method, target, content)
            assert "Traceback" not in answer.text
    return answered


async def run(
    folder: Path, count: int, kind: type[Node] = Node, *, seed: int = 1
) -> dict[int, int]:
    """Send mutated requests to a node that reaches no network; returns how they were answered."""
    runtime = Runtime.virtual(seed, 1_800_000_000.0)
    create_identity(folder, runtime.entropy)
    node = kind(ApiSettings(directory=folder, port=0), runtime, MemoryNetwork().host("alice"))
    # A bug is answered with 500, as it is to a real client, and must not show here.
    transport = httpx.ASGITransport(
        app=create_app(node, TOKEN, node.stopping), raise_app_exceptions=False
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        await node.add_contact(BOB, "Bob")
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1:3001",
            headers={"Authorization": f"Bearer {TOKEN}"},
            event_hooks=hooks(),
        ) as client:
            answered = await send_mutated(client, count, seed)
        node.stop()
    return answered


def assert_no_bug(answered: dict[int, int]) -> None:
    assert {status for status in answered if status >= 500} == set(), answered
    assert len([status for status in answered if status < 300]) > 1, "nothing was ever right"
    assert len([status for status in answered if status >= 400]) > 2, "nothing was ever wrong"


async def test_k24_mutated_requests_never_meet_a_bug(tmp_path: Path, autojump_clock: Clock) -> None:
    seed = int(os.environ.get("ZENTALK_SEED", "1"))
    assert_no_bug(await run(tmp_path, CI_REQUESTS, seed=seed))


@pytest.mark.faults
@pytest.mark.long
async def test_k24_many_mutated_requests_never_meet_a_bug(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    assert_no_bug(await run(tmp_path, ALL_REQUESTS, seed=2))


async def test_k24_control_a_bug_behind_a_route_shows(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    class Buggy(Node):
        async def contacts(self) -> list[object]:  # type: ignore[override]
            raise KeyError("a bug")

        async def send(self, *_args: object, **_more: object) -> object:  # type: ignore[override]
            raise KeyError("a bug")

    assert 500 in await run(tmp_path, 300, Buggy)

"""Webhooks over REST and real HTTP on loopback: made, signed, delivered, refused, shown once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from starlette.types import Receive, Scope, Send

from tests.api.double import TOKEN, FakeNode
from tests.node.notify.receivers import Part, Receiver, running
from tests.web.served import served
from zentalk.api import guard
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.store.history.event_filter import EVERYTHING

PATH = "/v1/webhooks"
URL = "http://127.0.0.1:9/hook"


class Program:
    """The owner's program: takes each request, or answers with the status that is in its path."""

    def __init__(self) -> None:
        self._put, self.requests = trio.open_memory_channel[tuple[Scope, bytes]](100)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        self._put.send_nowait((scope, body + message["body"]))
        status = int(scope["path"][1:])
        headers = [(b"location", b"/200"), (b"retry-after", b"77")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 100_000})


@pytest.fixture
async def part(node: FakeNode, tmp_path: Path) -> AsyncIterator[Part]:
    async with running(tmp_path, Receiver()) as part:
        node.webhooks = part.webhooks
        yield part


async def test_a_webhook_is_made_shown_and_removed(rest: httpx.AsyncClient, part: Part) -> None:
    body = {"url": URL, "types": ["message."], "conversation": "zt1a", "content": "full"}
    made = await rest.post(PATH, json=body)
    assert made.status_code == 201
    added = made.json()
    assert len(added["secret"]) == 43
    [shown] = (await rest.get(PATH)).json()["webhooks"]
    assert "secret" not in shown
    assert {**shown, "secret": added["secret"]} == added
    assert {name: shown[name] for name in body} == body
    assert (await rest.get(f"{PATH}/{shown['id']}/dead")).json() == {"dead": []}
    retried = await rest.post(f"{PATH}/{shown['id']}/dead/retry", json={})
    assert (retried.status_code, retried.json()) == (202, {"retried": 0})
    assert (await rest.delete(f"{PATH}/{shown['id']}/dead")).status_code == 204
    assert (await rest.delete(f"{PATH}/{shown['id']}/dead?seq=3")).status_code == 404
    assert (await rest.delete(f"{PATH}/{shown['id']}")).status_code == 204
    assert (await rest.delete(f"{PATH}/{shown['id']}")).status_code == 404
    kinds = [event.type for event in (await part.log.page(0, 10)).events]
    assert kinds == ["webhook.added", "webhook.removed"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://a/"},
        {"url": "http://u:p@a/"},
        {"url": URL, "types": ["X"]},
        {"url": URL, "content": "all"},
        {"url": URL, "secret": "mine"},
    ],
)
async def test_what_is_no_webhook_is_refused(
    rest: httpx.AsyncClient, part: Part, body: dict[str, Any]
) -> None:
    answer = await rest.post(PATH, json=body)
    assert answer.status_code == 422
    assert "u:p" not in answer.text
    assert (await rest.get(PATH)).json() == {"webhooks": []}


async def test_there_are_sixteen_at_most(rest: httpx.AsyncClient, part: Part) -> None:
    for _ in range(16):
        assert (await rest.post(PATH, json={"url": URL})).status_code == 201
    assert (await rest.post(PATH, json={"url": URL})).status_code == 409


async def as_device(node: FakeNode, rest: httpx.AsyncClient) -> int:
    _, token = await node.devices.add("phone")
    return (await rest.get(PATH, headers={"Authorization": f"Bearer {token}"})).status_code


async def test_only_the_owners_token_opens_them(
    node: FakeNode, rest: httpx.AsyncClient, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await as_device(node, rest) == 403
    monkeypatch.setattr(guard, "_refusal_of_person", lambda _caller, _need: None)
    assert await as_device(node, rest) == 200, "the control: nothing else keeps devices out"


async def test_real_requests_are_signed_and_come_in_order(tmp_path: Path) -> None:
    program = Program()
    async with served(program) as server, running(tmp_path, HttpPoster()) as part:
        _, secret = await part.webhooks.add(f"{server.url}/200", EVERYTHING, "ids")
        await part.happen(3)
        with trio.fail_after(60):
            found = [await program.requests.receive() for _ in range(3)]
    seqs = []
    for scope, body in found:
        headers = dict(scope["headers"])
        stamp = headers[b"zentalk-timestamp"]
        wanted = hmac.new(secret.encode(), stamp + b"." + body, hashlib.sha256).hexdigest()
        assert headers[b"zentalk-signature"] == f"v1={wanted}".encode()
        assert b"secret" not in body
        seqs.append(int(headers[b"zentalk-event"]))
    assert seqs == [2, 3, 4]


async def test_answers_of_real_servers() -> None:
    poster, program = HttpPoster(), Program()
    async with served(program) as server:
        for status in (200, 302, 404, 410, 429, 500, 503):
            answer = await poster.post(f"{server.url}/{status}", {}, b"{}")
            assert (answer.status, answer.retry_after) == (status, 77.0)
        assert program.requests.statistics().current_buffer_used == 7, "nothing was followed"
    gone = await poster.post(server.url, {}, b"{}")
    assert (gone.status, gone.error) == (
        0, "nothing answers there, or its certificate is not valid",
    )  # fmt: skip
    unknown = await poster.post("http://no-such-host.invalid/", {}, b"{}")
    assert (unknown.status, unknown.error) == (0, "the host name was not found")
    assert TOKEN not in repr(unknown)

"""Filters and waiting over GET /v1/events and the stream, in virtual time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.api.double import FakeNode
from zentalk.api.event_query import MAX_WAIT_SECONDS
from zentalk.api.stream import HEARTBEAT_SECONDS, EventStream
from zentalk.rest.limits import MAX_EVENT_TYPES
from zentalk.store.history.event_filter import EventFilter

STATE = {"id": "a", "state": "sent", "conversation": "zt1a"}


def fill(node: FakeNode) -> None:
    for kind, conversation in (
        ("message.state", "zt1a"),
        ("message.created", "zt1b"),
        ("contact.added", None),
        ("message.state", "zt1b"),
    ):
        node.emit(kind, {} if conversation is None else {"conversation": conversation})


async def ask(rest: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await rest.get("/v1/events", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {"seqs": [event["seq"] for event in found["events"]], "next": found["next"]}


async def test_by_type_prefix_and_conversation(node: FakeNode, rest: httpx.AsyncClient) -> None:
    fill(node)
    assert await ask(rest) == {"seqs": [1, 2, 3, 4], "next": 4}
    assert await ask(rest, type="message.") == {"seqs": [1, 2, 4], "next": 4}
    assert await ask(rest, type=["contact.added", "message.created"]) == {
        "seqs": [2, 3], "next": 4,
    }  # fmt: skip
    assert await ask(rest, conversation="zt1b", limit=1) == {"seqs": [2], "next": 2}
    assert await ask(rest, conversation="zt1b", type="message.state") == {"seqs": [4], "next": 4}
    assert await ask(rest, type="device.") == {"seqs": [], "next": 4}


@pytest.mark.parametrize(
    "params",
    [
        {"type": "Message"},
        {"type": "message.%"},
        {"type": "x" * 65},
        {"type": [f"t.{chr(97 + n)}" for n in range(MAX_EVENT_TYPES + 1)]},
        {"conversation": "z" * 101},
        {"wait": MAX_WAIT_SECONDS + 1},
        {"wait": -1},
        {"wait": "nan"},
        {"limit": 0},
        {"after": -1},
    ],
)
async def test_what_is_no_query_is_refused(rest: httpx.AsyncClient, params: dict[str, Any]) -> None:
    answer = await rest.get("/v1/events", params=params)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("query.")


async def test_waiting_ends_with_the_first_wanted_event(
    node: FakeNode, rest: httpx.AsyncClient, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def happen() -> None:
        await trio.sleep(3)
        node.emit("contact.added", {})
        await trio.sleep(3)
        node.emit("message.state", STATE)

    nursery.start_soon(happen)
    assert await ask(rest, type="message.", wait=25) == {"seqs": [2], "next": 2}
    assert trio.current_time() == 6


async def test_waiting_ends_without_an_event_past_what_was_left_out(
    node: FakeNode, rest: httpx.AsyncClient, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def happen() -> None:
        await trio.sleep(3)
        node.emit("contact.added", {})

    nursery.start_soon(happen)
    assert await ask(rest, type="message.", wait=10) == {"seqs": [], "next": 1}
    assert trio.current_time() == 10


async def test_waiting_ends_with_the_node(
    node: FakeNode, rest: httpx.AsyncClient, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def stop() -> None:
        await trio.sleep(3)
        node.stop()

    nursery.start_soon(stop)
    assert await ask(rest, wait=25) == {"seqs": [], "next": 0}
    assert trio.current_time() == 3


async def test_a_filtered_stream_tells_how_far_it_is(
    node: FakeNode, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    parts: list[str] = []

    async def receive() -> dict[str, Any]:
        await trio.sleep_forever()
        raise AssertionError

    async def send(message: Any) -> None:
        await trio.lowlevel.checkpoint()
        parts.append(message.get("body", b"").decode())

    stream = EventStream(node, 0, node.stopping, EventFilter(("message.",)))
    nursery.start_soon(stream, {}, receive, send)
    await trio.sleep(1)
    node.emit("contact.added", {})
    await trio.sleep(1)
    node.emit("message.state", STATE)
    node.emit("contact.added", {})
    await trio.sleep(1)
    node.emit("contact.added", {})
    await trio.sleep(2.5 * HEARTBEAT_SECONDS)
    shown = [part.split("\ndata: ")[0] for part in parts[2:]]
    assert shown == ["id: 2\nevent: message.state", ": still here\nid: 4\n\n", ": still here\n\n"]
    nursery.cancel_scope.cancel()

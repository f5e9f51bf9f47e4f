"""Events over a WebSocket, on a real socket and in virtual time; each guard with its control."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.api.double import TOKEN, FakeNode
from tests.api.socket_client import EventClient, open_socket
from tests.web.served import Served, served, until_end
from zentalk.api import event_socket, guard
from zentalk.api.app import create_app
from zentalk.api.event_socket import GOING_AWAY, HEARTBEAT_SECONDS, POLICY, TOKEN_SECONDS, TOO_BIG
from zentalk.rest.event_socket import MAX_SOCKET_MESSAGE_BYTES
from zentalk.web import peer
from zentalk.web.websocket import exchange

STATE = {"id": "a", "state": "sent", "conversation": "zt1a"}
ORIGIN = (b"origin", b"http://evil.example")
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())


@pytest.fixture
async def server(node: FakeNode, autojump_clock: MockClock) -> AsyncIterator[Served]:
    autojump_clock.autojump_threshold = 0.05
    async with served(create_app(node, TOKEN, node.stopping)) as server:
        yield server


def emit(node: FakeNode, count: int = 1, **data: Any) -> None:
    for _ in range(count):
        node.emit("message.state", STATE | data)


async def is_closed(client: EventClient, code: int) -> bool:
    return (await client.end())[0] == code


async def test_old_and_new_events_as_get_shows_them(node: FakeNode, server: Served) -> None:
    emit(node, 150)
    async with open_socket(server.port, "?after=10") as client:
        assert await client.seqs(140) == list(range(11, 151))
        emit(node)
        told = await client.message()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as rest:
        answer = await rest.get("/v1/events", params={"after": 150})
    assert [told] == answer.json()["events"]


async def test_filters_and_the_heartbeat_past_what_they_leave_out(
    node: FakeNode, server: Served, autojump_clock: MockClock
) -> None:
    emit(node)
    node.emit("contact.added", {})
    emit(node, conversation="zt1b")
    async with open_socket(server.port, "?type=message.&type=device.added&conversation=zt1a") as c:
        assert await c.seqs(1) == [1]
        start = trio.current_time()
        assert await c.message() == {"type": "heartbeat", "next": 3}
        assert trio.current_time() >= start + HEARTBEAT_SECONDS
        emit(node)
        assert await c.seqs(1) == [4]


async def test_the_client_moves_its_place(node: FakeNode, server: Served) -> None:
    emit(node, 250)
    async with open_socket(server.port, "?after=248") as client:
        assert await client.seqs(2) == [249, 250]
        await client.say({"after": 1})
        assert await client.seqs(249) == list(range(2, 251))
        await client.say({"after": 260})
        emit(node, 15)
        found: list[int] = []
        while 265 not in found:
            found += await client.seqs(1)
        assert found[-5:] == [261, 262, 263, 264, 265]


async def test_a_browser_shows_its_token_in_the_first_message(
    node: FakeNode, server: Served
) -> None:
    emit(node)
    _, token = await node.devices.add("phone")
    own = (b"origin", b"http://127.0.0.1:5173")
    for shown in (TOKEN, token):
        async with open_socket(server.port, headers=(own,)) as client:
            await client.say({"token": shown})
            assert await client.seqs(1) == [1]


@pytest.mark.parametrize(
    "first", [{"token": "x" * 43}, {"token": ""}, {"after": 0}, "[", {"token": TOKEN, "x": 1}]
)
async def test_k22_a_wrong_first_message_shows_no_event(
    node: FakeNode, server: Served, first: Any
) -> None:
    emit(node)
    async with open_socket(server.port, headers=()) as client:
        await client.say(first)
        assert await is_closed(client, POLICY)


async def test_k22_a_token_is_not_waited_for_nor_read_from_the_url(
    node: FakeNode, server: Served, autojump_clock: MockClock
) -> None:
    emit(node)
    async with open_socket(server.port, f"?token={TOKEN}&access_token={TOKEN}", ()) as client:
        start = trio.current_time()
        assert await is_closed(client, POLICY)
        assert trio.current_time() >= start + TOKEN_SECONDS


@pytest.mark.parametrize(
    ("headers", "options", "status"),
    [
        ((BEARER, ORIGIN), {}, 403),
        ((ORIGIN,), {}, 403),
        ((BEARER,), {"host": "evil.example"}, 403),
        (((b"authorization", b"Bearer x"),), {}, 401),
        ((), {"path": "/v1/other"}, 401),
        ((BEARER,), {"path": "/v1/other"}, 403),
        ((BEARER,), {"query": "?after=-1"}, 422),
        ((BEARER,), {"query": "?type=%25"}, 422),
    ],
)
async def test_k22_who_is_refused_gets_no_socket(
    server: Served, headers: Any, options: dict[str, str], status: int
) -> None:
    async with open_socket(server.port, headers=headers, **options) as client:
        assert client.status == status


async def test_control_without_the_guards_others_get_in(
    node: FakeNode, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit(node)
    monkeypatch.setattr(guard.Guard, "_is_own", lambda _guard, _origin: True)
    monkeypatch.setattr(guard, "equal", lambda _left, _right: True)
    async with open_socket(server.port, headers=(ORIGIN,)) as client:
        await client.say({"token": "wrong"})
        assert await client.seqs(1) == [1]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("hello", POLICY),
        ({"after": -1}, POLICY),
        ({"after": "1"}, POLICY),
        ({"after": 1, "type": "x"}, POLICY),
        (" " * (MAX_SOCKET_MESSAGE_BYTES + 1), TOO_BIG),
    ],
)
async def test_other_messages_end_it(server: Served, message: Any, code: int) -> None:
    async with open_socket(server.port) as client:
        await client.say(message)
        assert await is_closed(client, code)


async def test_a_revoked_device_is_cut_at_once(node: FakeNode, server: Served) -> None:
    device, token = await node.devices.add("phone")
    header = (b"authorization", f"Bearer {token}".encode())
    async with open_socket(server.port, headers=(header,)) as client:
        emit(node)
        assert await client.seqs(1) == [1]
        await node.devices.revoke(device.device_id.hex())
        assert await is_closed(client, POLICY)


async def test_the_node_says_that_it_stops(node: FakeNode, server: Served) -> None:
    async with open_socket(server.port) as client:
        emit(node)
        assert await client.seqs(1) == [1]
        node.stop()
        assert await is_closed(client, GOING_AWAY)


async def silent(node: FakeNode, server: Served) -> bool:
    """Say whether a client that answers nothing is cut; heartbeats do not count as life."""
    async with open_socket(server.port) as client:
        emit(node)
        assert await client.seqs(1) == [1]
        await trio.sleep(3 * exchange.PING_SECONDS)
        # What was sent until then, then the end: not the frame that closes, nobody answers.
        with trio.move_on_after(100) as patience:
            await until_end(client.stream)
        return not patience.cancelled_caught


async def test_e14_a_silent_client_is_dropped_and_catches_up(
    node: FakeNode, server: Served, autojump_clock: MockClock
) -> None:
    assert await silent(node, server)
    emit(node, 3)
    async with open_socket(server.port, "?after=1") as client:
        assert await client.seqs(3) == [2, 3, 4]


async def test_control_without_pings_a_silent_client_stays(
    node: FakeNode, server: Served, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PING_SECONDS", 100_000.0)
    async with open_socket(server.port) as client:
        emit(node)
        assert await client.seqs(1) == [1]
        for _ in range(10):
            assert (await client.message())["type"] == "heartbeat"


async def slow(node: FakeNode, server: Served) -> int:
    """How many pages are read from the log for a client that reads nothing."""
    reads = 0
    page_of = node.event_page

    async def counted(*arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        return await page_of(*arguments)

    node.event_page = counted  # type: ignore[method-assign,assignment]
    emit(node, 1_000, reason="x" * 20_000)
    async with open_socket(server.port):
        await trio.sleep(2 * peer.SEND_SECONDS)
        return reads


async def test_a_slow_client_is_cut_and_costs_no_more_than_a_few_pages(
    node: FakeNode, server: Served, autojump_clock: MockClock
) -> None:
    assert await slow(node, server) <= 4
    async with open_socket(server.port, "?after=999") as client:
        assert await client.seqs(1) == [1_000]


async def test_control_a_socket_that_takes_all_reads_the_whole_log(
    node: FakeNode, server: Served, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def buffer(_peer: peer.Peer, _rest: memoryview) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(peer.Peer, "_write_rest", buffer)
    assert await slow(node, server) > 4


async def test_control_the_page_is_what_bounds_it() -> None:
    assert event_socket.PAGE <= 100

"""Links that come in by WebSocket, as the relay counts and serves them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message, Scope
from trio.testing import MockClock

from tests.relay.harness import START
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.transport import ByteStream
from zentalk.relay_http.clients import client_of
from zentalk.relay_http.door import BURST, Door, DoorError
from zentalk.relay_http.link_socket import LinkSocket


class Client:
    """Somebody with a WebSocket, as an ASGI application sees them."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        connect = {"type": "websocket.connect"}
        gone = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        self._messages = iter([connect, *messages, gone])
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return next(self._messages)

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def binary(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data, "text": None}


def scope(host: str, *forwarded: bytes) -> Scope:
    headers = [(b"x-forwarded-for", value) for value in forwarded]
    return {"type": "websocket", "client": (host, 1234), "headers": headers}


def door(*, behind_proxy: bool = False) -> Door:
    runtime = Runtime.virtual(1, START)
    return Door(runtime, NodeId(bytes(32)), "", behind_proxy=behind_proxy)


async def served(client: Client, host: str = "192.0.2.1") -> tuple[bytes, str]:
    """Return what a relay read of a client, and where it says that it comes from."""
    found: list[Any] = [b"", ""]

    async def accept(stream: ByteStream, source: str) -> None:
        found[1] = source
        while data := await stream.receive_some(4):
            found[0] += data
        await stream.send_all(b"answer")

    await LinkSocket(door(), accept)(scope(host), client.receive, client.send)
    return found[0], found[1]


async def test_messages_are_one_stream_of_bytes_whatever_their_borders() -> None:
    client = Client(binary(b"one"), binary(b""), binary(b"two three"))
    assert await served(client) == (b"onetwo three", "192.0.2.1")
    assert client.sent == [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "bytes": b"answer"},
    ]


async def test_text_ends_the_link() -> None:
    client = Client(binary(b"one"), {"type": "websocket.receive", "text": "two", "bytes": None})
    assert (await served(client))[0] == b"one"
    assert client.sent[1] == {
        "type": "websocket.close",
        "code": 1003,
        "reason": "links are binary",
    }


async def test_what_breaks_inside_ends_that_link_alone() -> None:
    async def accept(stream: ByteStream, source: str) -> None:
        await stream.aclose()
        await stream.receive_some(1)

    client = Client(binary(b"one"))
    await LinkSocket(door(), accept)(scope("::1"), client.receive, client.send)
    assert client.sent == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    ("host", "forwarded", "counted"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [b"198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", [b"203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", [b"198.51.100.7", b"203.0.113.9"], "203.0.113.9"),
        ("::1", [b" [2001:db8::7] "], "2001:db8::7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [b"unknown"], "127.0.0.1"),
        ("127.0.0.1", [b"\xff"], "127.0.0.1"),
    ],
)
def test_behind_a_proxy_the_last_address_that_it_names_counts(
    host: str, forwarded: list[bytes], counted: str
) -> None:
    assert client_of(scope(host, *forwarded), behind_proxy=True) == counted


def test_without_a_proxy_nobody_chooses_what_they_are_counted_as() -> None:
    assert client_of(scope("127.0.0.1", b"198.51.100.7"), behind_proxy=False) == "127.0.0.1"


async def test_an_address_that_asks_too_often_is_refused_before_it_costs_more(
    autojump_clock: MockClock,
) -> None:
    at_the_door = door()
    accepted: list[str] = []

    async def accept(stream: ByteStream, source: str) -> None:
        accepted.append(source)

    links = LinkSocket(at_the_door, accept)
    clients = [Client() for _ in range(int(BURST) + 1)]
    for client in clients:
        await links({**scope("192.0.2.1"), "extensions": {}}, client.receive, client.send)
    assert len(accepted) == BURST
    assert all(message["type"] != "websocket.accept" for message in clients[-1].sent)
    other = Client()
    await links(scope("198.51.100.7"), other.receive, other.send)
    assert accepted[-1] == "198.51.100.7"


async def test_behind_a_proxy_each_client_has_an_allowance_of_its_own(
    autojump_clock: MockClock,
) -> None:
    at_the_door = door(behind_proxy=True)
    for _ in range(int(BURST)):
        at_the_door.admit(scope("127.0.0.1", b"192.0.2.1"))
    with pytest.raises(DoorError):
        at_the_door.admit(scope("127.0.0.1", b"192.0.2.1"))
    at_the_door.admit(scope("127.0.0.1", b"198.51.100.7"))


async def test_control_without_the_setting_the_whole_proxy_has_none(
    autojump_clock: MockClock,
) -> None:
    at_the_door = door()
    for _ in range(int(BURST) + 1):
        at_the_door.admit(scope("127.0.0.1", b"192.0.2.1"))

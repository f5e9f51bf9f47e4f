"""WebSockets on a real socket, in virtual time, with wsproto's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from starlette.types import Message, Receive, Scope, Send
from trio.testing import MockClock
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from tests.web.served import Served, served, until, until_end
from zentalk.net.ways.frame_limit import FRAMES_A_SECOND, FRAMES_AT_ONCE, FrameLimit
from zentalk.web.serving import HttpServer, bind
from zentalk.web.slots import ConnectionLimits
from zentalk.web.websocket.messages import MAX_MESSAGE_BYTES

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ASK = (
    b"GET /%b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n\r\n"
)


class Echo:
    """Gives messages back; other paths refuse, leave or say something of their own."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self._put, self._disconnects = trio.open_memory_channel[Message](10)
        self.go_on = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            return
        assert await receive() == {"type": "websocket.connect"}
        await getattr(self, "do_" + scope["path"][1:])(receive, send)

    async def disconnect(self) -> Message:
        """Return what an application was told of an end, once it was."""
        with trio.fail_after(200):
            return await self._disconnects.receive()

    async def do_echo(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x", b"y")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        self._put.send_nowait(message)

    async def do_slow(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await self.go_on.wait()
        await self.do_rest(receive)

    async def do_rest(self, receive: Receive) -> None:
        while (await receive())["type"] == "websocket.receive":
            pass

    async def do_deaf(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await self.go_on.wait()

    async def do_leave(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "bye"})

    async def do_close(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        self._put.send_nowait(await receive())

    async def do_refuse(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1008})
        self._put.send_nowait(await receive())

    async def do_deny(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"2")]
        start = {"type": "websocket.http.response.start", "status": 401, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async def do_nothing(self, receive: Receive, send: Send) -> None:
        pass

    async def do_inject(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "headers": [(b"x", b"a\r\nset-cookie: b")]})

    async def do_unoffered(self, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": "other"})


@pytest.fixture
def app() -> Echo:
    return Echo()


@pytest.fixture
async def server(app: Echo, mock_clock: MockClock) -> AsyncIterator[Served]:
    mock_clock.autojump_threshold = 0.05
    async with served(app) as server:
        yield server


class Client:
    """The other side of one WebSocket."""

    def __init__(self, stream: trio.SocketStream, rest: bytes) -> None:
        self._stream = stream
        self._frames = Connection(ConnectionType.CLIENT, trailing_data=rest)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Served, path: bytes = b"echo") -> AsyncIterator[Client]:
        async with await server.dial() as stream:
            await stream.send_all(ASK % path)
            head, _, rest = (await until(stream, b"\r\n\r\n")).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            yield cls(stream, rest)

    async def send(self, *events: Event) -> None:
        await self._stream.send_all(b"".join(bytes(self._frames.send(event)) for event in events))

    async def events(self, count: int) -> list[Event]:
        found: list[Event] = list(self._frames.events())
        with trio.fail_after(200):
            while len(found) < count:
                data = await self._stream.receive_some()
                assert data, found
                self._frames.receive_data(bytes(data))
                found += self._frames.events()
        return found

    async def is_cut(self) -> bool:
        """Say whether the connection ends with nothing more said."""
        return await until_end(self._stream) == b""

    async def leave(self) -> None:
        await self._stream.aclose()


async def test_messages_go_both_ways_and_the_end_is_agreed(server: Served, app: Echo) -> None:
    async with Client.open(server) as client:
        parts: list[Any] = [TextMessage("h\xe9", message_finished=False), TextMessage("llo")]
        await client.send(*parts, BytesMessage(b"\0" * 5), Ping(b"here"))
        found = await client.events(3)
        assert TextMessage("h\xe9llo") in found
        assert Pong(b"here") in found
        assert BytesMessage(bytearray(5)) in found
        await client.send(CloseConnection(1001, "off"))
        assert await client.events(1) == [CloseConnection(1001, "off")]
        assert await client.is_cut()
        await client.leave()
        end = await app.disconnect()
        assert end == {"type": "websocket.disconnect", "code": 1001, "reason": "off"}
        [scope] = app.scopes
        assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/echo")
        assert scope["subprotocols"] == ["chat", "superchat"]
        assert "method" not in scope


async def test_the_answer_names_the_protocol_and_what_the_application_adds(server: Served) -> None:
    async with await server.dial() as stream:
        await stream.send_all(ASK % b"echo")
        head = await until(stream, b"\r\n\r\n")
    assert b"sec-websocket-protocol: chat\r\n" in head
    assert b"x: y\r\n" in head


async def test_what_is_sent_with_the_handshake_is_not_lost(server: Served) -> None:
    early = bytes(Connection(ConnectionType.CLIENT).send(TextMessage("early")))
    async with await server.dial() as stream:
        await stream.send_all(ASK % b"echo" + early)
        assert (await until(stream, b"early")).endswith(b"early")


async def test_the_application_closes_or_just_returns(server: Served, app: Echo) -> None:
    async with Client.open(server, b"close") as client:
        assert await client.events(1) == [CloseConnection(4000, "enough")]
        await client.send(CloseConnection(4000))
        assert await client.is_cut()
        await client.leave()
        assert (await app.disconnect())["code"] == 4000
    async with Client.open(server, b"leave") as client:
        assert await client.events(2) == [TextMessage("bye"), CloseConnection(1000, "")]


async def test_a_peer_that_does_not_agree_to_the_end_is_cut(
    server: Served, mock_clock: MockClock
) -> None:
    async with Client.open(server, b"leave") as client:
        start = trio.current_time()
        await client.events(2)
        assert await client.is_cut()
        assert 4 < trio.current_time() - start < 9


async def test_a_peer_that_leaves_is_a_disconnect(server: Served, app: Echo) -> None:
    async with Client.open(server) as client:
        await client.leave()
        assert (await app.disconnect())["code"] == 1006


async def test_a_silent_peer_is_pinged_and_then_given_up(
    server: Served, app: Echo, mock_clock: MockClock
) -> None:
    async with Client.open(server) as client:
        for _ in range(3):
            assert await client.events(1) == [Ping(b"")]
            await client.send(Pong(b""))
        assert 90 <= trio.current_time() < 95
        assert await client.events(1) == [Ping(b"")]
        assert await client.is_cut()
        assert 150 <= trio.current_time() < 155
        assert (await app.disconnect())["code"] == 1006


async def test_a_message_that_is_too_large_ends_it(server: Served, app: Echo) -> None:
    async with Client.open(server) as client:
        await client.send(BytesMessage(bytes(MAX_MESSAGE_BYTES + 1)))
        [closed] = await client.events(1)
        assert isinstance(closed, CloseConnection)
        assert closed.code == (await app.disconnect())["code"] == 1009


async def test_messages_that_nobody_takes_are_not_read(
    server: Served, app: Echo, mock_clock: MockClock
) -> None:
    async with Client.open(server, b"slow") as client:
        with trio.move_on_after(20) as patience:
            while True:
                await client.send(BytesMessage(bytes(100_000)))
        assert patience.cancelled_caught
        app.go_on.set()


@pytest.mark.parametrize(("path", "status"), [(b"refuse", 403), (b"deny", 401), (b"nothing", 500)])
async def test_a_refusal_is_an_http_answer(server: Served, path: bytes, status: int) -> None:
    answer = await server.say(ASK % path)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer


async def test_a_refused_socket_is_disconnected(server: Served, app: Echo) -> None:
    await server.say(ASK % b"refuse")
    assert (await app.disconnect())["code"] == 1006


async def test_messages_that_nobody_took_do_not_hold_up_the_end(
    server: Served, app: Echo, mock_clock: MockClock
) -> None:
    async with Client.open(server, b"deaf") as client:
        await client.send(TextMessage("a"), TextMessage("b"))
        await trio.sleep(1)
        app.go_on.set()
        start = trio.current_time()
        assert await client.events(1) == [CloseConnection(1000, "")]
        await client.send(CloseConnection(1000))
        assert await client.is_cut()
        assert trio.current_time() - start < 1


@pytest.mark.parametrize("path", [b"inject", b"unoffered"])
async def test_an_acceptance_that_cannot_be_is_a_bug(server: Served, path: bytes) -> None:
    assert await server.say(ASK % path) == b""


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", 426),
        (b"Sec-WebSocket-Version: 13\r\n", b"", 426),
        (KEY, b"short", 400),
        (b"Sec-WebSocket-Key", b"X", 400),
        (b"Upgrade: websocket", b"Upgrade: h2c", 200),
        (b"GET", b"POST", 200),
        (b"Connection: Upgrade", b"Connection: x", 200),
    ],
)
async def test_what_is_no_handshake(server: Served, old: bytes, new: bytes, status: int) -> None:
    answer = await server.say((ASK % b"echo").replace(old, new), half_close=True)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (status != 426) or b"sec-websocket-version: 13" in answer


async def test_a_stop_sends_everybody_away(
    server: Served, app: Echo, mock_clock: MockClock
) -> None:
    async with Client.open(server) as client:
        server.stopping.set()
        [closed] = await client.events(1)
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1001
        await client.send(CloseConnection(1001))
        assert await client.is_cut()
        await client.leave()
        await server.ended.wait()
        assert (await app.disconnect())["code"] == 1001
        assert trio.current_time() < 1


async def test_many_small_frames_end_a_websocket(server: Served, app: Echo) -> None:
    """Each costs as much to read as one of some hundred bytes; a thousand come in 6 kB."""
    async with Client.open(server) as client:
        await client.send(*[Ping()] * (FRAMES_AT_ONCE + 100))
        *_, closed = await client.events(1)
        while not isinstance(closed, CloseConnection):
            *_, closed = await client.events(1)
        assert (closed.code, closed.reason) == (1008, "too many small frames")
        assert (await app.disconnect())["code"] == 1008


async def test_control_without_the_limit_they_are_all_read(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameLimit, "takes", lambda *_: True)
    count = FRAMES_AT_ONCE + 100
    async with Client.open(server) as client:
        await client.send(*[Ping()] * count, TextMessage("still here"))
        found = await client.events(count + 1)
        assert sum(isinstance(event, Pong) for event in found) == count
        assert TextMessage("still here") in found


async def test_a_device_that_says_a_little_now_and_then_never_meets_it(
    server: Served, mock_clock: MockClock
) -> None:
    async with Client.open(server) as client:
        for _ in range(3):
            for number in range(FRAMES_AT_ONCE - 8):
                await client.send(TextMessage(str(number)))
                assert await client.events(1) == [TextMessage(str(number))]
            mock_clock.jump(FRAMES_AT_ONCE / FRAMES_A_SECOND)


async def test_large_messages_are_no_small_frames_however_they_arrive(server: Served) -> None:
    """A frame of 32 KiB ends in a piece of eight bytes, when it is read in pieces of 4 KiB."""
    content = bytes(32 * 1024)
    async with Client.open(server) as client:
        for _ in range(2 * FRAMES_AT_ONCE):
            await client.send(BytesMessage(content))
            found = b""
            while len(found) < len(content):
                for event in await client.events(1):
                    assert isinstance(event, BytesMessage)
                    found += event.data
            assert found == content


TURNS = 1000
"""Of trio's loop; a socket takes a few dozen to end."""
LENDING = ConnectionLimits(in_all=3, count_websockets=False, max_message_bytes=1000)


async def test_what_an_application_counts_itself_has_a_goodbye_only_while_there_is_a_place(
    mock_clock: MockClock,
) -> None:
    """Else whoever opens WebSockets and never closes them would hold sockets that nobody counts."""
    mock_clock.autojump_threshold = 0.05
    app, ended = Echo(), list[float]()
    async with served(app, LENDING) as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client.open(server, b"deaf")) for _ in range(5)]
        began = trio.current_time()

        async def until_cut(client: Client) -> None:
            await until_end(client._stream)
            ended.append(trio.current_time() - began)

        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(until_cut, client)
            app.go_on.set()
    assert sum(seconds < 1 for seconds in ended) == 2, "three have places to say goodbye from"
    assert len(ended) == 5


async def test_a_refused_websocket_keeps_its_place_to_the_end(mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0.05
    async with served(Echo(), LENDING) as server, AsyncExitStack() as stack:
        for _ in range(3):
            stream = await stack.enter_async_context(await server.dial())
            await stream.send_all(ASK % b"refuse")
            assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
        began = trio.current_time()
        late = await stack.enter_async_context(await server.dial())
        assert await until_end(late) == b"", "the refused are not gone yet, and count"
        assert trio.current_time() - began < 1


async def test_a_server_may_take_smaller_messages(mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0.05
    async with served(Echo(), LENDING) as server, Client.open(server) as client:
        await client.send(BytesMessage(bytes(1001)))
        [closed] = await client.events(1)
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1009


async def test_a_server_may_end_at_any_moment_of_a_sockets_end(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    """In one of these turns nothing can be started for the socket, which is still there."""
    mock_clock.autojump_threshold = 0.05
    listening, stopping = bind("127.0.0.1", 0), trio.Event()
    running = HttpServer(Echo())
    server = Served(listening.getsockname()[1])
    await nursery.start(running.run, listening, stopping)
    async with Client.open(server, b"echo") as client:
        await client.send(BytesMessage(bytes(MAX_MESSAGE_BYTES + 1)))
        await client.events(1)
    for _ in range(TURNS):
        for connection in list(running._open):
            connection.stop_if_idle()
        await trio.lowlevel.checkpoint()
    assert not running._open
    stopping.set()

"""HTTP on a real socket: what one peer can do to the others, and to the program."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext, suppress

import pytest
import structlog
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from trio.testing import MockClock

from tests.web.served import Served, served, until, until_end
from zentalk.web import connection, peer, serving, slots
from zentalk.web.http1.reader import RequestReader
from zentalk.web.shield import Shield
from zentalk.web.slots import ConnectionLimits

MAX_BODY_BYTES = 10_000
MAX_LARGE_BYTES = 50_000
ASK = b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: a\r\n"
UPGRADE = b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: Upgrade"
WEBSOCKET = (
    UPGRADE + b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
BIG_BYTES = 16 * 1024 * 1024


class Program:
    """An application as ours are, and what its handlers have read."""

    def __init__(self) -> None:
        self.bodies: list[int] = []
        inner = Starlette(
            routes=[
                Route("/body", self.body, methods=["POST"]),
                Route("/large", self.body, methods=["POST"]),
                Route("/small", self.small),
                Route("/big", self.big),
            ]
        )
        self.app = Shield(
            inner, MAX_BODY_BYTES, structlog.get_logger("test"), {"/large": MAX_LARGE_BYTES}
        )

    async def body(self, request: Request) -> Response:
        self.bodies.append(len(await request.body()))
        return Response(b"taken")

    async def small(self, _request: Request) -> Response:
        return Response(b"small")

    async def big(self, _request: Request) -> Response:
        return Response(bytes(BIG_BYTES))


def running(
    limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - a constant
) -> AbstractAsyncContextManager[Served]:
    return served(Program().app, limits)


async def ask(server: Served, request: bytes = ASK) -> bytes:
    """Return what comes first for a request on a connection of its own."""
    async with await server.dial() as stream:
        await stream.send_all(request)
        with trio.fail_after(10):
            return bytes(await stream.receive_some())


async def is_alive(server: Served) -> bool:
    return (await ask(server)).startswith(b"HTTP/1.1 200")


def broken(*_arguments: object) -> None:
    raise KeyError("a bug of a library")


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
        UPGRADE + b", HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkA\r\n\r\n",
        UPGRADE + b", HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n\r\n",
        WEBSOCKET + b"\xff" * 100,
        WEBSOCKET.replace(b"13", b"0"),
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[::/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n\r\n",
        POST + b"Content-Length: 100\r\n\r\nab",
        POST + b"Content-Length: 5\r\n\r\nab" + ASK * 50,
        ASK * 200,
        b"\x00\x01\r\n\r\n",
    ],
)
async def test_k18_k24_whatever_one_connection_brings_the_others_are_served(data: bytes) -> None:
    async with running() as server:
        async with await server.dial() as stream:
            await stream.send_all(data)
            await trio.sleep(0.2)
            assert await is_alive(server)
        await trio.sleep(0.1)
        assert await is_alive(server)
        assert not server.ended.is_set()


async def test_a_bug_in_a_library_costs_the_connection_that_met_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server, await server.dial() as stream:
        with monkeypatch.context() as patched:
            patched.setattr(RequestReader, "next_request", broken)
            await stream.send_all(ASK)
            with trio.fail_after(10), suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""
        assert await is_alive(server)


async def test_control_without_containment_one_connection_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "contained", lambda *_: nullcontext())
    monkeypatch.setattr(RequestReader, "next_request", broken)
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the server ends with it
        async with running() as server, await server.dial() as stream:
            await stream.send_all(ASK)
            await trio.sleep(1)
    assert caught.value.split(KeyError)[0] is not None


async def test_a_body_in_chunks_is_limited() -> None:
    program = Program()
    async with served(program.app) as server:
        head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        chunk = b"1000\r\n" + bytes(4096) + b"\r\n"
        assert (await ask(server, head + 3 * chunk + b"0\r\n\r\n")).startswith(b"HTTP/1.1 413")
        assert program.bodies == []
        assert (await ask(server, head + chunk + b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert program.bodies == [4096]


async def test_a_path_for_uploads_takes_more_and_no_other_does() -> None:
    program = Program()
    async with served(program.app) as server:
        for path, size, status in (
            (b"large", MAX_LARGE_BYTES, b"200"),
            (b"large", MAX_LARGE_BYTES + 1, b"413"),
            (b"body", MAX_BODY_BYTES + 1, b"413"),
        ):
            head = POST.replace(b"body", path) + b"Content-Length: %d\r\n\r\n" % size
            assert (await ask(server, head + bytes(size))).startswith(b"HTTP/1.1 " + status)
        assert program.bodies == [MAX_LARGE_BYTES]


@pytest.mark.parametrize("start", [b"", b"GET /sm", POST + b"Content-Length: 9\r\n\r\nab"])
async def test_k18_whoever_does_not_finish_asking_is_given_up(
    mock_clock: MockClock, start: bytes
) -> None:
    mock_clock.autojump_threshold = 0.05
    async with running() as server:
        await until_end_of(server, start)
        assert 30 <= trio.current_time() < 35


async def test_k18_control_without_that_limit_it_is_held(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mock_clock.autojump_threshold = 0.05
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1000.0)
    async with running() as server:
        await until_end_of(server, b"GET /sm", seconds=1100)
        assert trio.current_time() >= 1000


async def until_end_of(server: Served, start: bytes, seconds: float = 100) -> None:
    async with await server.dial() as stream:
        await stream.send_all(start)
        with trio.fail_after(seconds):
            while await stream.receive_some():
                pass


async def test_an_idle_connection_is_closed_and_one_in_use_is_not(mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0.05
    async with running() as server, await server.dial() as stream:
        for _ in range(4):
            await stream.send_all(ASK)
            await until(stream, b"small")
            await trio.sleep(70)
        assert await until_end(stream) == b""
        assert 285 <= trio.current_time() < 290


@pytest.mark.parametrize("limited", [True, False])
async def test_k18_whoever_does_not_take_an_answer_is_given_up(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    """With `limited` False the control: the answer is held for as long as the peer likes."""
    mock_clock.autojump_threshold = 0.05
    if not limited:
        monkeypatch.setattr(peer, "SEND_SECONDS", 1000.0)
    async with running(ConnectionLimits(in_all=1)) as server, await server.dial() as stream:
        await stream.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(45)
        found = b""
        async with await server.dial() as other:
            with trio.move_on_after(45), suppress(trio.BrokenResourceError):
                await other.send_all(ASK)
                found = bytes(await other.receive_some())
        assert found.startswith(b"HTTP/1.1 200") is limited


async def test_a_stop_waits_for_nobody_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "GRACEFUL_SECONDS", 0.5)
    async with running() as server, await server.dial() as stream:
        await stream.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        await trio.sleep(0.3)
        server.stopping.set()
        with trio.fail_after(10):
            await server.ended.wait()


async def test_a_stop_closes_idle_connections_at_once_and_takes_no_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "GRACEFUL_SECONDS", 1000.0)
    async with running() as server, await server.dial() as stream:
        await stream.send_all(ASK)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        server.stopping.set()
        with trio.fail_after(10):
            await server.ended.wait()
        with pytest.raises(OSError, match="connect"):
            await server.dial()


async def test_k18_places_are_counted_in_all_and_for_each_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(ConnectionLimits(in_all=2)) as server:
        async with await server.dial(), await server.dial():
            await trio.sleep(0.1)
            async with await server.dial() as third:
                with trio.fail_after(10):
                    assert await third.receive_some() == b""
        await trio.sleep(0.1)
        assert await is_alive(server)
    monkeypatch.setattr(slots, "is_loopback", lambda _host: False)
    async with running(ConnectionLimits(in_all=100, per_source=1)) as server, await server.dial():
        await trio.sleep(0.1)
        async with await server.dial() as second:
            with trio.fail_after(10):
                assert await second.receive_some() == b""

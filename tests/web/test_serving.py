"""HTTP on a real socket: what one peer can do to the others, and to the program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field

import pytest
import structlog
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zentalk.web import connection as connection_module
from zentalk.web import serving as module
from zentalk.web.body_limit import BodyLimit
from zentalk.web.serving import HttpServer, Places, bind, source_of
from zentalk.web.shield import Shield

MAX_BODY_BYTES = 10_000
ASK = b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: a\r\n"
UPGRADE = b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: Upgrade"
WEBSOCKET = (
    UPGRADE + b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
BIG_BYTES = 16 * 1024 * 1024


@dataclass
class Served:
    """A running server, and what its handlers have read."""

    port: int
    stopping: trio.Event
    ended: trio.Event
    bodies: list[int] = field(default_factory=list)

    async def dial(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def ask(self, request: bytes = ASK) -> bytes:
        """Return what comes first for a request on a connection of its own."""
        async with await self.dial() as stream:
            await stream.send_all(request)
            with trio.fail_after(10):
                return bytes(await stream.receive_some())

    async def is_alive(self) -> bool:
        return (await self.ask()).startswith(b"HTTP/1.1 200")


@asynccontextmanager
async def served(places: Places = Places()) -> AsyncIterator[Served]:  # noqa: B008 - a constant
    listening = bind("127.0.0.1", 0)
    found = Served(listening.getsockname()[1], trio.Event(), trio.Event())

    async def body(request: Request) -> Response:
        found.bodies.append(len(await request.body()))
        return Response(b"taken")

    async def small(_request: Request) -> Response:
        return Response(b"small")

    async def big(_request: Request) -> Response:
        return Response(bytes(BIG_BYTES))

    inner = Starlette(
        routes=[Route("/body", body, methods=["POST"]), Route("/small", small), Route("/big", big)]
    )
    app = Shield(BodyLimit(inner, MAX_BODY_BYTES), structlog.get_logger("test"))
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            try:
                await HttpServer(app, places).run(
                    listening, found.stopping, task_status=task_status
                )
            finally:
                found.ended.set()

        await nursery.start(run)
        yield found
        nursery.cancel_scope.cancel()


def mistaken(*_arguments: object) -> None:
    raise KeyError("a mistake of a library")


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
    async with served() as server:
        async with await server.dial() as stream:
            await stream.send_all(data)
            await trio.sleep(0.2)
            assert await server.is_alive()
        await trio.sleep(0.1)
        assert await server.is_alive()
        assert not server.ended.is_set()


async def test_a_mistake_in_a_library_costs_the_connection_that_met_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as server, await server.dial() as stream:
        with monkeypatch.context() as broken:
            broken.setattr(connection_module._Http1, "handle", mistaken)
            await stream.send_all(ASK)
            with trio.fail_after(10), suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""
        assert await server.is_alive()


async def test_control_without_containment_one_connection_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "contained", lambda *_: nullcontext())
    monkeypatch.setattr(connection_module._Http1, "handle", mistaken)
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the server ends with it
        async with served() as server, await server.dial() as stream:
            await stream.send_all(ASK)
            await trio.sleep(1)
    assert caught.value.split(KeyError)[0] is not None


async def test_a_body_in_chunks_is_limited_whatever_its_length_is_said_to_be() -> None:
    async with served() as server:
        for lengths in (b"", b"Content-Length: 5\r\n"):
            head = POST + lengths + b"Transfer-Encoding: chunked\r\n\r\n"
            chunk = b"1000\r\n" + bytes(4096) + b"\r\n"
            assert (await server.ask(head + 3 * chunk + b"0\r\n\r\n")).startswith(b"HTTP/1.1 413")
            assert server.bodies == []
            assert (await server.ask(head + chunk + b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert server.bodies.pop() == 4096


@pytest.mark.parametrize("start", [b"", b"GET /sm", POST + b"Content-Length: 9\r\n\r\nab"])
async def test_k18_whoever_does_not_finish_asking_is_given_up(
    monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 0.3)
    async with served() as server, await server.dial() as stream:
        await stream.send_all(start)
        with trio.fail_after(10):
            while await stream.receive_some():
                pass
        assert server.bodies == []


async def test_k18_control_without_that_limit_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 1000.0)
    async with served() as server, await server.dial() as stream:
        await stream.send_all(b"GET /sm")
        with trio.move_on_after(1) as patience:
            await stream.receive_some()
        assert patience.cancelled_caught


async def test_an_idle_connection_is_closed_and_one_in_use_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "REQUEST_SECONDS", 0.4)
    monkeypatch.setattr(connection_module, "KEEP_ALIVE_SECONDS", 1.5)
    async with served() as server, await server.dial() as stream:
        for _ in range(4):
            await stream.send_all(ASK)
            found = b""
            while not found.endswith(b"small"):
                found += await stream.receive_some()
            await trio.sleep(0.5)
        with trio.fail_after(10):
            while await stream.receive_some():
                pass


@pytest.mark.parametrize("limited", [True, False])
async def test_k18_whoever_does_not_take_an_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    """With `limited` False the control: the answer is held for as long as the peer likes."""
    monkeypatch.setattr(connection_module, "SEND_SECONDS", 0.3 if limited else 1000.0)
    async with served(Places(in_all=1)) as server, await server.dial() as stream:
        await stream.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1.5)
        found = b""
        async with await server.dial() as other:
            with trio.move_on_after(2), suppress(trio.BrokenResourceError):
                await other.send_all(ASK)
                found = bytes(await other.receive_some())
        assert found.startswith(b"HTTP/1.1 200") is limited


async def test_a_stop_waits_for_nobody_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACEFUL_SECONDS", 0.5)
    async with served() as server, await server.dial() as stream:
        await stream.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        await trio.sleep(0.3)
        server.stopping.set()
        with trio.fail_after(10):
            await server.ended.wait()


async def test_a_stop_closes_idle_connections_at_once_and_takes_no_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GRACEFUL_SECONDS", 1000.0)
    async with served() as server, await server.dial() as stream:
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
    async with served(Places(in_all=2)) as server:
        async with await server.dial(), await server.dial():
            await trio.sleep(0.1)
            async with await server.dial() as third:
                with trio.fail_after(10):
                    assert await third.receive_some() == b""
        await trio.sleep(0.1)
        assert await server.is_alive()
    monkeypatch.setattr(module, "is_loopback", lambda _host: False)
    async with served(Places(in_all=100, per_source=1)) as server, await server.dial():
        await trio.sleep(0.1)
        async with await server.dial() as second:
            with trio.fail_after(10):
                assert await second.receive_some() == b""


def test_what_counts_as_one_source() -> None:
    assert source_of("192.0.2.1") == source_of("::ffff:192.0.2.1") != source_of("192.0.2.2")
    assert source_of("2001:db8::1") == source_of("2001:db8::2%eth0") != source_of("2001:db8:1::1")
    assert source_of("nonsense") == "nonsense"

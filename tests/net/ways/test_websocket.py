"""Links inside WebSockets: against our own server on loopback, and servers that misbehave."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, Event, Pong, TextMessage

from tests.net.support import NETWORK, SMALL, Relay
from tests.net.ways.support import LOOPBACK, Script, answered, relay_behind_http, silent
from zentalk.errors import ConnectFailedError, LinkClosedError
from zentalk.net import transport
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream
from zentalk.net.tunnel import open_tunnel
from zentalk.net.ways.frame_limit import FRAMES_AT_ONCE, FrameLimit
from zentalk.net.ways.websocket import WebSocketStream, open_websocket
from zentalk.web.slots import ConnectionLimits
from zentalk.wire.text import RelayUri


async def linked(
    uri: RelayUri, nursery: trio.Nursery, stream: ByteStream | None = None
) -> Connection:
    stream = stream or await TcpNetwork().dial(uri.host, uri.port)
    return await connect(
        await open_websocket(stream, uri),
        network=NETWORK,
        relay_identity=uri.identity,
        handlers=NoHandlers(),
        runtime=Runtime.real(),
        nursery=nursery,
    )


async def test_packets_requests_and_tunnels_pass(nursery: trio.Nursery) -> None:
    end = Relay("end", TcpNetwork(), Runtime.real())
    await end.start(nursery, LOOPBACK)
    async with relay_behind_http() as (relay, uri):
        relay.known = {end.node_id: end.uri}
        link = await linked(uri, nursery)
        for _ in range(200):
            assert link.send_packet(SMALL)
        body = bytes(range(256)) * 800
        assert await link.request(body) == b"relay: " + body
        assert relay.packets == [SMALL] * 200
        inner = await open_tunnel(
            link,
            [end.uri],
            network=NETWORK,
            handlers=NoHandlers(),
            runtime=Runtime.real(),
            nursery=nursery,
        )
        assert await inner.request(body) == b"end: " + body
        link.close()
        await link.closed.wait()
    nursery.cancel_scope.cancel()


async def test_a_relay_that_hangs_up_ends_the_link(nursery: trio.Nursery) -> None:
    async with relay_behind_http() as (relay, uri):
        link = await linked(uri, nursery)
        assert await link.request(b"hello") == b"relay: hello"
        relay.accepted[0].close()
        await link.closed.wait()
        with pytest.raises(LinkClosedError):
            await link.request(b"hello")


async def test_a_path_without_links_is_named_with_its_answer() -> None:
    async with relay_behind_http() as (_, uri):
        elsewhere = uri._replace(path="/somewhere/else")
        stream = await TcpNetwork().dial(uri.host, uri.port)
        with pytest.raises(ConnectFailedError, match="takes no WebSocket: it answered 403"):
            await open_websocket(stream, elsewhere)


SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"
)


def says(data: bytes) -> Script:
    async def script(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(data)

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        SWITCHED,
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000,
    ],
    ids=["nothing", "no HTTP", "a wrong key", "no end"],
)
async def test_what_is_no_websocket_is_a_connection_that_could_not_be_made(
    answer: bytes, nursery: trio.Nursery
) -> None:
    uri = await answered(says(answer), nursery)
    stream = await TcpNetwork().dial(uri.host, uri.port)
    with pytest.raises(ConnectFailedError, match=f"cannot connect to ws://{LOOPBACK}:"):
        await open_websocket(stream, uri)
    assert stream.socket.fileno() == -1, "the stream is closed"
    nursery.cancel_scope.cancel()


async def test_a_server_that_says_nothing_is_given_up(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.05)

    uri = await answered(silent, nursery)
    stream = await TcpNetwork().dial(uri.host, uri.port)
    with pytest.raises(ConnectFailedError, match="no answer"):
        await open_websocket(stream, uri)
    nursery.cancel_scope.cancel()


async def test_k43_idle_websockets_keep_nobody_from_the_rest_of_http(
    nursery: trio.Nursery,
) -> None:
    """A link takes none of the places that the server has for HTTP: the relay counts it."""
    async with relay_behind_http(ConnectionLimits(in_all=4, count_websockets=False)) as (_, uri):
        links = [await linked(uri, nursery) for _ in range(8)]
        assert await links[-1].request(b"hello") == b"relay: hello"
        for link in links:
            link.close()
            await link.closed.wait()


async def test_k43_control_if_they_counted_the_fifth_would_find_no_place(
    nursery: trio.Nursery,
) -> None:
    async with relay_behind_http(ConnectionLimits(in_all=4)) as (_, uri):
        links = [await linked(uri, nursery) for _ in range(4)]
        with pytest.raises(ConnectFailedError):
            await linked(uri, nursery)
        for link in links:
            link.close()
            await link.closed.wait()


async def test_megabytes_pass_both_ways_whatever_pieces_they_come_in(nursery: trio.Nursery) -> None:
    """A message of 32 KiB ends in a piece of a few bytes, which must not count as a small frame."""
    async with relay_behind_http() as (_, uri):
        link = await linked(uri, nursery)
        body = bytes(range(256)) * 900
        for _ in range(100):
            assert await link.request(body) == b"relay: " + body
        link.close()
        await link.closed.wait()


async def test_one_that_nobody_reads_is_closed_below_however_little_patience_there_is(
    nursery: trio.Nursery,
) -> None:
    uri = await answered(sends(), nursery)
    below = await TcpNetwork().dial(uri.host, uri.port)
    stream = await open_websocket(below, uri)
    nursery.start_soon(_flood, stream)
    await wait_all_tasks_blocked(0.05)
    with trio.move_on_after(0.05):
        await stream.aclose()
    assert below.socket.fileno() == -1
    nursery.cancel_scope.cancel()


async def _flood(stream: ByteStream) -> None:
    with suppress(trio.ClosedResourceError):
        while True:
            await stream.send_all(bytes(1_000_000))


def sends(*events: Event) -> Script:
    """Open a WebSocket, send these, and wait."""

    async def script(stream: trio.SocketStream) -> None:
        frames = WSConnection(ConnectionType.SERVER)
        frames.receive_data(await stream.receive_some(4096))
        list(frames.events())
        await stream.send_all(frames.send(AcceptConnection()))
        for event in events:
            await stream.send_all(frames.send(event))
        await trio.sleep_forever()

    return script


async def opened(nursery: trio.Nursery, *events: Event) -> WebSocketStream:
    uri = await answered(sends(*events), nursery)
    return await open_websocket(await TcpNetwork().dial(uri.host, uri.port), uri)


async def test_a_server_cannot_make_a_node_read_small_frames_without_end(
    nursery: trio.Nursery,
) -> None:
    stream = await opened(nursery, *[BytesMessage(b"")] * (2 * FRAMES_AT_ONCE))
    with pytest.raises(trio.BrokenResourceError, match="too many small frames"):
        await stream.receive_some(1)
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_control_without_the_limit_a_node_reads_them_all(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameLimit, "takes", lambda *_: True)
    nothing = [BytesMessage(b"")] * (2 * FRAMES_AT_ONCE)
    stream = await opened(nursery, *nothing, BytesMessage(b"at last"))
    assert await stream.receive_some(100) == b"at last"
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_pong_that_nobody_asked_for_is_passed_over_and_text_ends_the_link(
    nursery: trio.Nursery,
) -> None:
    stream = await opened(nursery, Pong(b"x"), BytesMessage(b"bytes"), TextMessage("text"))
    assert await stream.receive_some(100) == b"bytes"
    with pytest.raises(trio.BrokenResourceError, match="binary messages only"):
        await stream.receive_some(100)
    await stream.aclose()
    nursery.cancel_scope.cancel()

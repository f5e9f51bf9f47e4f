"""The same links over real TCP on loopback: dialling, serving, tunnels, and what goes wrong."""

import socket

import pytest
import trio

from tests.net.support import NETWORK, SMALL, Relay
from zentalk.errors import ConnectFailedError
from zentalk.link.geometry import UNIT_SMALL_BYTES
from zentalk.net import tcp
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.tcp_stream import TcpStream
from zentalk.net.transport import ByteStream
from zentalk.net.tunnel import open_tunnel

LOOPBACK = "127.0.0.1"


async def start(nursery: trio.Nursery, count: int) -> list[Relay]:
    network, runtime = TcpNetwork(), Runtime.real()
    relays = [Relay(f"relay-{number}", network, runtime) for number in range(count)]
    for relay in relays:
        await relay.start(nursery, LOOPBACK)
    for relay in relays:
        relay.known = {other.node_id: other.uri for other in relays}
    return relays


async def client_of(relay: Relay, nursery: trio.Nursery) -> Connection:
    return await connect(
        await TcpNetwork().dial(LOOPBACK, relay.uri.port),
        network=NETWORK,
        relay_identity=relay.key.public,
        handlers=NoHandlers(),
        runtime=Runtime.real(),
        nursery=nursery,
    )


async def test_calls_packets_and_tunnels(nursery: trio.Nursery) -> None:
    guard, middle, end = await start(nursery, 3)
    base = await client_of(guard, nursery)
    for _ in range(200):
        assert base.send_packet(SMALL)
    assert await base.request(b"hello") == b"relay-0: hello"
    while len(guard.packets) < 200:
        await base.request(b"")
    assert guard.packets == [SMALL] * 200
    inner = await open_tunnel(
        base,
        [middle.uri, end.uri],
        network=NETWORK,
        handlers=NoHandlers(),
        runtime=Runtime.real(),
        nursery=nursery,
    )
    body = bytes(range(256)) * 800
    assert await inner.request(body) == b"relay-2: " + body
    assert base.unit_sizes == {UNIT_SMALL_BYTES}
    inner.close()
    base.close()
    await base.closed.wait()
    nursery.cancel_scope.cancel()


async def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_arguments: object, **_options: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio.socket, "getaddrinfo", resolve)
    with pytest.raises(ConnectFailedError, match="not known"):
        await TcpNetwork().dial("relay.invalid", 9001)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".net", "\u00e9" * 70, "\ud800"])
async def test_a_host_that_no_resolver_can_encode(host: str) -> None:
    """One relay's descriptor with such a host must not end everyone who dials it."""
    with pytest.raises(ConnectFailedError, match="not a host name"):
        await TcpNetwork().dial(host, 9001)


async def test_a_port_in_use_is_an_os_error() -> None:
    first = await TcpNetwork().listen(LOOPBACK, 0)
    with pytest.raises(OSError, match="in use"):
        await TcpNetwork().listen(LOOPBACK, first.port)
    await first.aclose()


async def test_one_broken_connection_never_ends_a_listener(nursery: trio.Nursery) -> None:
    (relay,) = await start(nursery, 1)
    for sent in (b"\0" * 10_000, b""):
        stream = await TcpNetwork().dial(LOOPBACK, relay.uri.port)
        if sent:
            await stream.send_all(sent)
        await stream.aclose()
    with socket.create_connection((LOOPBACK, relay.uri.port)) as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert await (await client_of(relay, nursery)).request(b"") == b"relay-0: "
    nursery.cancel_scope.cancel()


async def test_a_listener_can_be_closed_and_its_port_taken_again(nursery: trio.Nursery) -> None:
    listener = await TcpNetwork().listen(LOOPBACK, 0)
    served = trio.Event()

    async def handle(_stream: ByteStream, peer_host: str) -> None:
        assert peer_host == LOOPBACK
        served.set()

    done = trio.Event()

    async def serve() -> None:
        await listener.serve(handle)
        done.set()

    nursery.start_soon(serve)
    stream = await TcpNetwork().dial(LOOPBACK, listener.port)
    await served.wait()
    assert await stream.receive_some(1) == b""
    await stream.aclose()
    await listener.aclose()
    await done.wait()
    again = await TcpNetwork().listen(LOOPBACK, listener.port)
    assert again.port == listener.port
    await again.aclose()


async def test_no_delay_is_set(nursery: trio.Nursery) -> None:
    (relay,) = await start(nursery, 1)
    stream = await TcpNetwork().dial(LOOPBACK, relay.uri.port)
    assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_pauses_of_retransmission_are_short_at_both_ends(nursery: trio.Nursery) -> None:
    """Else a line that was dead for half a minute stays dead for most of another."""
    option = tcp._TCP_RTO_MAX_MS
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, option, tcp.RETRANSMIT_MILLISECONDS)
        except OSError:
            pytest.skip("this kernel is older than Linux 6.15")
    listener = await TcpNetwork().listen(LOOPBACK, 0)
    served: list[int] = []

    async def serve(stream: ByteStream, _source: str) -> None:
        assert isinstance(stream, TcpStream)
        served.append(stream.socket.getsockopt(socket.IPPROTO_TCP, option))
        await stream.send_all(b"x")

    nursery.start_soon(listener.serve, serve)
    stream = await TcpNetwork().dial(LOOPBACK, listener.port)
    assert await stream.receive_some(1) == b"x"
    served.append(stream.socket.getsockopt(socket.IPPROTO_TCP, option))
    assert served == [tcp.RETRANSMIT_MILLISECONDS] * 2
    await stream.aclose()

"""Proxies: real ones that pass a link on, and some that refuse, misbehave or say nothing."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio

from tests.needed import program
from tests.net.support import NETWORK, Relay
from tests.net.ways.support import LOOPBACK, Script, answered, relay_behind_http, silent
from zentalk.config.proxies import Proxy
from zentalk.errors import ConnectFailedError
from zentalk.net import transport
from zentalk.net.connection import NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream
from zentalk.net.ways.proxy import ProxiedNetwork, proxied
from zentalk.net.ways.websocket import open_websocket

USER, PASSWORD = "alice", "hunter2"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def tinyproxy(folder: Path, *lines: str) -> AsyncIterator[Proxy]:
    """A forward proxy for HTTP, as many companies have one."""
    port = free_port()
    config = folder / "tinyproxy.conf"
    own = [f"Port {port}", f"Listen {LOOPBACK}", f"Allow {LOOPBACK}", "Timeout 600"]
    if os.geteuid() == 0:
        own += ["User nobody", "Group nogroup"]
    config.write_text("\n".join([*own, *lines, ""]), "utf-8")
    async with _running([program("tinyproxy"), "-d", "-c", str(config)], port):
        yield Proxy("http", LOOPBACK, port)


@asynccontextmanager
async def microsocks(*options: str) -> AsyncIterator[Proxy]:
    """A proxy that speaks SOCKS5."""
    port = free_port()
    command = [program("microsocks"), "-i", LOOPBACK, "-p", str(port), *options]
    async with _running(command, port):
        yield Proxy("socks5", LOOPBACK, port)


@asynccontextmanager
async def _running(command: list[str], port: int) -> AsyncIterator[None]:
    with _process(command):
        await until_it_answers(port)
        yield


async def until_it_answers(port: int) -> None:
    """Wait for another program to listen."""
    with trio.fail_after(20):
        while not await _answers(port):  # noqa: ASYNC110 - another program
            await trio.sleep(0.02)


@contextmanager
def _process(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def _answers(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream(LOOPBACK, port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def says_hello(network: ProxiedNetwork, nursery: trio.Nursery, *, web: bool) -> None:
    """A link through a proxy answers; with `web` as a WebSocket."""
    async with relay_behind_http() as (relay, uri):
        stream: ByteStream
        if web:
            stream = await open_websocket(await network.dial(uri.host, uri.port), uri)
        else:
            stream = await network.dial("localhost", relay.uri.port)
        link = await connect(
            stream,
            network=NETWORK,
            relay_identity=uri.identity,
            handlers=NoHandlers(),
            runtime=Runtime.real(),
            nursery=nursery,
        )
        assert await link.request(b"hello") == b"relay: hello"
        link.close()
        await link.closed.wait()


@pytest.mark.parametrize("web", [False, True], ids=["tcp", "websocket"])
async def test_a_link_passes_a_proxy_for_http(
    web: bool, tmp_path: Path, nursery: trio.Nursery
) -> None:
    async with tinyproxy(tmp_path) as proxy:
        await says_hello(ProxiedNetwork(TcpNetwork(), proxy), nursery, web=web)


@pytest.mark.parametrize("web", [False, True], ids=["tcp", "websocket"])
async def test_a_link_passes_a_proxy_for_socks(web: bool, nursery: trio.Nursery) -> None:
    async with microsocks() as proxy:
        await says_hello(ProxiedNetwork(TcpNetwork(), proxy), nursery, web=web)


async def test_a_proxy_for_http_that_asks_who_we_are(tmp_path: Path, nursery: trio.Nursery) -> None:
    async with tinyproxy(tmp_path, f"BasicAuth {USER} {PASSWORD}") as proxy:
        known = Proxy("http", proxy.host, proxy.port, USER, PASSWORD)
        await says_hello(ProxiedNetwork(TcpNetwork(), known), nursery, web=False)
        for password in ("", "wrong"):
            who = Proxy("http", proxy.host, proxy.port, USER if password else "", password)
            with pytest.raises(ConnectFailedError, match=r"another user or password \(40[17]\)"):
                await ProxiedNetwork(TcpNetwork(), who).dial(LOOPBACK, 9)


async def test_a_proxy_for_socks_that_asks_who_we_are(nursery: trio.Nursery) -> None:
    async with microsocks("-u", USER, "-P", PASSWORD) as proxy:
        known = Proxy("socks5", proxy.host, proxy.port, USER, PASSWORD)
        await says_hello(ProxiedNetwork(TcpNetwork(), known), nursery, web=False)
        with pytest.raises(ConnectFailedError, match="it wants a user and a password"):
            await ProxiedNetwork(TcpNetwork(), proxy).dial(LOOPBACK, 9)
        wrong = Proxy("socks5", proxy.host, proxy.port, USER, "wrong")
        with pytest.raises(ConnectFailedError, match="another user or password") as caught:
            await ProxiedNetwork(TcpNetwork(), wrong).dial(LOOPBACK, 9)
        assert "wrong" not in str(caught.value)


async def test_a_proxy_that_lets_only_some_ports_through_is_named(tmp_path: Path) -> None:
    async with tinyproxy(tmp_path, "ConnectPort 443") as proxy:
        with pytest.raises(ConnectFailedError) as caught:
            await ProxiedNetwork(TcpNetwork(), proxy).dial("relay.example", 9001)
    assert str(caught.value) == (
        f"cannot connect to relay.example:9001: the proxy {proxy.place}: "
        "it does not connect to this address or port (403)"
    )


async def test_a_host_that_nobody_has_is_for_the_proxy_to_find_out(nursery: trio.Nursery) -> None:
    async with microsocks() as proxy:
        network = ProxiedNetwork(TcpNetwork(), proxy)
        assert await network.resolve("relay.invalid") == ["relay.invalid"]
        with pytest.raises(ConnectFailedError, match=f"the proxy {proxy.place}: "):
            await network.dial("relay.invalid", 9001)


async def test_a_proxy_that_is_not_there_is_named() -> None:
    port = free_port()
    network = ProxiedNetwork(TcpNetwork(), Proxy("socks5", LOOPBACK, port))
    with pytest.raises(ConnectFailedError, match=f"the proxy socks5://{LOOPBACK}:{port}: "):
        await network.dial("relay.example", 9001)


def replies(*answers: bytes) -> Script:
    """Answer what comes, one after the other, and hang up."""

    async def script(stream: trio.SocketStream) -> None:
        for answer in answers:
            await stream.receive_some(4096)
            for byte in answer:  # in pieces, as slow lines have them
                await stream.send_all(bytes([byte]))

    return script


@pytest.mark.parametrize(
    ("kind", "answers", "reason"),
    [
        ("http", [b""], "it hung up"),
        ("http", [b"SSH-2.0-x\r\n\r\n"], "what answers there is no HTTP proxy"),
        ("http", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n"], "it answered 502"),
        ("http", [b"HTTP/1.1 200 OK\r\n" + b"x" * 17_000], "its answer is too long"),
        ("socks5", [b"\x04\x00"], "what answers there is no SOCKS5 proxy"),
        ("socks5", [b"\x05\xff"], "it wants a user and a password"),
        ("socks5", [b"\x05\x00", b"\x05\x04\x00\x01"], "the host cannot be reached from there"),
        ("socks5", [b"\x05\x00", b"\x05\x63\x00\x01"], "it answered 99"),
        ("socks5", [b"\x05\x00", b"\x04\x00\x00\x01"], "what answers there is no SOCKS5 proxy"),
        ("socks5", [b"\x05\x00", b"\x05\x00\x00\x09"], "what answers there is no SOCKS5 proxy"),
        ("socks5", [b"\x05\x00", b"\x05\x00\x00\x01abc"], "it hung up"),
    ],
)
async def test_a_proxy_that_misbehaves_is_a_connection_that_could_not_be_made(
    kind: str, answers: list[bytes], reason: str, nursery: trio.Nursery
) -> None:
    uri = await answered(replies(*answers), nursery)
    network = ProxiedNetwork(TcpNetwork(), Proxy(kind, LOOPBACK, uri.port))
    with pytest.raises(ConnectFailedError, match=f": {reason}$"):
        await network.dial("relay.example", 9001)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_what_comes_behind_the_answer_is_the_relays(kind: str, nursery: trio.Nursery) -> None:
    told = {
        "http": [b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nfirst words"],
        "socks5": [b"\x05\x00", b"\x05\x00\x00\x03\x01a\x00\x50first words"],
    }
    uri = await answered(replies(*told[kind]), nursery)
    network = ProxiedNetwork(TcpNetwork(), Proxy(kind, LOOPBACK, uri.port))
    stream = await network.dial("relay.example", 9001)
    heard = b""
    while part := await stream.receive_some(100):
        heard += part
    assert heard == b"first words"
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_proxy_that_says_nothing_is_given_up(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.05)

    uri = await answered(silent, nursery)
    network = ProxiedNetwork(TcpNetwork(), Proxy("http", LOOPBACK, uri.port))
    with pytest.raises(ConnectFailedError, match="no answer"):
        await network.dial("relay.example", 9001)
    nursery.cancel_scope.cancel()


async def test_without_a_proxy_the_network_is_the_same() -> None:
    network = TcpNetwork()
    assert proxied(network, "") is network
    assert isinstance(proxied(network, "http://127.0.0.1:3128"), ProxiedNetwork)
    listener = await proxied(network, "http://127.0.0.1:3128").listen(LOOPBACK, 0)
    assert listener.port > 0
    await listener.aclose()


async def test_a_relay_is_never_dialled_past_the_proxy(nursery: trio.Nursery) -> None:
    """Not even to find out what its name stands for."""

    class NoDns(TcpNetwork):
        async def resolve(self, host: str) -> list[str]:
            raise AssertionError("asked a name server")

    relay = Relay("relay", TcpNetwork(), Runtime.real())
    await relay.start(nursery, LOOPBACK)
    async with microsocks() as proxy:
        stream = await ProxiedNetwork(NoDns(), proxy).dial("localhost", relay.uri.port)
        await stream.aclose()
    nursery.cancel_scope.cancel()

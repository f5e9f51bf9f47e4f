"""With a proxy nothing goes around it: no connection, and no question for a name."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.net.ways.certificates import Authority
from tests.net.ways.support import LOOPBACK
from tests.net.ways.test_proxy import PASSWORD, USER, microsocks, tinyproxy
from tests.node.notify.push_server import PushServer
from tests.web.served import served
from zentalk.config import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.net.splice import splice
from zentalk.net.tcp import TcpNetwork
from zentalk.net.ways.tls import _AsOurs
from zentalk.node import wiring
from zentalk.node.notify import outgoing, web_push
from zentalk.node.notify.outgoing import NOT_PROVED, NOT_PUBLIC, HttpPoster
from zentalk.node.wiring import build_node
from zentalk.store.key_file import load_identity, load_or_create_identity

HEADERS = web_push.headers_of(b"", None)
HOST = "hook.example"


class NoNames(trio.abc.HostnameResolver):
    """Fails a test that asks for a name; addresses are none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        self.asked.append(host if isinstance(host, str) else host.decode())
        raise OSError("a name was asked for")

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
async def names() -> AsyncIterator[NoNames]:
    made = NoNames()
    before = trio.socket.set_custom_hostname_resolver(made)
    yield made
    trio.socket.set_custom_hostname_resolver(before)


@pytest.fixture
def server() -> PushServer:
    made = PushServer()
    made.subscribe(is_encrypted=False)
    return made


class Socks:
    """A proxy for SOCKS5 that leads to `port` whatever it is asked for, and notes what that was."""

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, int]] = []
        self._port = port
        self.url = ""

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(3)
            await stream.send_all(b"\x05\x00")
            request = bytes(await stream.receive_some(300))
            kind, rest = request[3], request[4:]
            if kind == 3:
                host, rest = rest[1 : 1 + rest[0]].decode(), rest[1 + rest[0] :]
            else:
                host, rest = ".".join(map(str, rest[:4])), rest[4:]
            self.asked.append((host, int.from_bytes(rest, "big")))
            await stream.send_all(b"\x05\x00\x00\x01" + bytes(6))
            there = await TcpNetwork().dial(LOOPBACK, self._port)
            await splice(_AsOurs(stream), there)  # type: ignore[arg-type]  # it has what is needed


@asynccontextmanager
async def socks(port: int) -> AsyncIterator[Socks]:
    made = Socks(port)
    (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
    made.url = f"socks5://{LOOPBACK}:{listener.socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, made.serve, [listener])
        yield made
        nursery.cancel_scope.cancel()


async def test_a_name_goes_to_the_proxy_as_it_is_and_nothing_goes_elsewhere(
    server: PushServer, names: NoNames
) -> None:
    async with served(server) as place, socks(place.port) as proxy:
        answer = await HttpPoster(proxy.url).post(f"http://{HOST}/up1?up=1", HEADERS, b"1")
        # One in this house too: whether it can be reached, the proxy says.
        other = await HttpPoster(proxy.url).post("http://192.168.7.7:8080/up1", HEADERS, b"2")
    assert (answer.status, other.status) == (201, 201)
    assert proxy.asked == [(HOST, 80), ("192.168.7.7", 8080)]
    assert names.asked == []
    [(_, path, headers, body), _] = server.requests
    assert (path, headers["host"], body) == ("/up1", HOST, b"1")


async def test_control_without_a_proxy_the_name_is_asked_for_here(names: NoNames) -> None:
    answer = await HttpPoster().post(f"http://{HOST}/up1", HEADERS, b"1")
    assert (answer.status, names.asked) == (0, [HOST])


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_real_proxies_pass_requests_on(
    kind: str, server: PushServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "_is_here", lambda _url: False)
    running = microsocks("-u", USER, "-P", PASSWORD)
    if kind == "http":
        running = tinyproxy(tmp_path, f"BasicAuth {USER} {PASSWORD}")
    async with served(server) as place, running as proxy:
        known = f"{proxy.kind}://{USER}:{PASSWORD}@{proxy.host}:{proxy.port}"
        answer = await HttpPoster(known).post(f"{place.url}/up1", HEADERS, b"1")
        assert answer.status == 201
        unknown = f"{proxy.kind}://{proxy.host}:{proxy.port}"
        answer = await HttpPoster(unknown).post(f"{place.url}/up1", HEADERS, b"1")
        assert answer.status == 0
        assert proxy.place in answer.error
        assert "a user and a password" in answer.error or "(40" in answer.error
        assert len(server.requests) == 1
    answer = await HttpPoster(known).post(f"{place.url}/up1", HEADERS, b"1")
    assert answer.status == 0
    assert f"the proxy {proxy.place}: " in answer.error
    assert PASSWORD not in answer.error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_stays_on_this_machine_is_called_without_the_proxy(
    host: str, server: PushServer, names: NoNames
) -> None:
    async with served(server) as place, socks(place.port) as proxy:
        url = f"http://{host}:{place.port}/up1"
        answer = await HttpPoster(proxy.url).post(url, HEADERS, b"1")
    assert (answer.status, proxy.asked, names.asked) == (201, [], [])
    [(_, _, headers, _)] = server.requests
    assert headers["host"] == f"{host}:{place.port}"


@asynccontextmanager
async def with_tls(server: PushServer, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve over TLS; return the port."""
    async with served(server) as place, trio.open_nursery() as nursery:

        async def pass_on(stream: trio.SocketStream) -> None:
            tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError:
                await stream.aclose()
                return
            await splice(_AsOurs(tls), await TcpNetwork().dial(LOOPBACK, place.port))

        (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
        nursery.start_soon(trio.serve_listeners, pass_on, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_name_that_a_device_has_chosen_proves_itself_by_a_certificate(
    server: PushServer, tmp_path: Path, names: NoNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with with_tls(server, authority.server(HOST)) as port, socks(port) as proxy:
        poster = HttpPoster(proxy.url, public_only=True)
        answer = await poster.post(f"https://{HOST}/up1", HEADERS, b"1")
        assert answer.status == 201
        answer = await poster.post("https://other.example/up1", HEADERS, b"1")
        assert answer.status == 0
        assert "its certificate was refused" in answer.error
        assert len(server.requests) == 1
        assert proxy.asked == [(HOST, 443), ("other.example", 443)]
    assert names.asked == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://{HOST}/up1", NOT_PROVED),
        ("http://localhost./up1", NOT_PROVED),
        ("http://localhost:3001/up1", NOT_PROVED),
        ("https://127.0.0.1/up1", NOT_PUBLIC),
        ("https://10.1.2.3/up1", NOT_PUBLIC),
        ("https://[::1]/up1", NOT_PUBLIC),
    ],
)
async def test_what_a_device_may_not_name_is_refused_and_the_proxy_not_asked(
    server: PushServer, url: str, why: str, names: NoNames
) -> None:
    async with served(server) as place, socks(place.port) as proxy:
        answer = await HttpPoster(proxy.url, public_only=True).post(url, HEADERS, b"1")
    assert (answer.status, answer.error) == (0, why)
    assert (proxy.asked, names.asked, server.requests) == ([], [], [])


async def test_a_public_address_needs_no_certificate(server: PushServer) -> None:
    async with served(server) as place, socks(place.port) as proxy:
        poster = HttpPoster(proxy.url, public_only=True)
        answer = await poster.post("http://9.9.9.9:8080/up1", HEADERS, b"1")
    assert (answer.status, proxy.asked) == (201, [("9.9.9.9", 8080)])


async def test_a_node_with_a_proxy_tells_everything_that_posts_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Noted(HttpPoster):
        def __init__(self, proxy: str = "", *, public_only: bool = False) -> None:
            made.append(proxy)
            super().__init__(proxy, public_only=public_only)

    monkeypatch.setattr(wiring, "HttpPoster", Noted)
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    load_or_create_identity(tmp_path, runtime.entropy)
    proxy = "socks5://127.0.0.1:9050"
    settings = ApiSettings(directory=tmp_path, port=0, proxy=proxy)
    build_node(settings, runtime, MemoryNetwork().host("alice"), load_identity(tmp_path))
    assert set(made) == {proxy}
    assert len(made) == 2

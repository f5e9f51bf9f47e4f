"""`wss`: TLS in front of a relay's HTTP, right and wrong in each way that matters."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.net.ways.certificates import Authority
from tests.net.ways.support import LOOPBACK, relay_behind_http
from tests.net.ways.test_websocket import linked
from zentalk.errors import ConnectFailedError
from zentalk.net.splice import splice
from zentalk.net.tcp import TcpNetwork
from zentalk.net.ways.tls import _AsOurs
from zentalk.web.tls import ServerCertificate
from zentalk.wire.text import RelayUri, Scheme


@asynccontextmanager
async def in_front(nursery: trio.Nursery, context: ssl.SSLContext) -> AsyncIterator[RelayUri]:
    """Yield where a proxy with TLS stands in front of a relay."""
    async with relay_behind_http() as (_, uri):

        async def pass_on(stream: trio.SocketStream) -> None:
            tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
            try:
                await tls.do_handshake()
            except trio.BrokenResourceError:
                await stream.aclose()  # it did not like our certificate
                return
            await splice(_AsOurs(tls), await TcpNetwork().dial(uri.host, uri.port))

        (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
        nursery.start_soon(trio.serve_listeners, pass_on, [listener])
        yield uri._replace(port=listener.socket.getsockname()[1], scheme=Scheme.WSS)
        nursery.cancel_scope.cancel()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this machine trusts."""
    found = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found.file))
    return found


async def test_d14_a_link_passes_through_tls(nursery: trio.Nursery, authority: Authority) -> None:
    async with in_front(nursery, authority.server(LOOPBACK)) as uri:
        link = await linked(uri, nursery)
        assert await link.request(b"hello") == b"relay: hello"
        link.close()
        await link.closed.wait()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("stranger", "its certificate was refused: unable to get local issuer certificate"),
        ("expired", "its certificate was refused: certificate has expired"),
        ("other host", "its certificate was refused: IP address mismatch"),
    ],
)
async def test_d5_a_wrong_certificate_is_refused_with_its_reason(
    wrong: str, said: str, nursery: trio.Nursery, authority: Authority, tmp_path: Path
) -> None:
    makers = {
        "stranger": lambda: Authority(tmp_path, "stranger").server(LOOPBACK),
        "expired": lambda: authority.server(LOOPBACK, -dt.timedelta(days=1)),
        "other host": lambda: authority.server("192.0.2.1"),
    }
    async with in_front(nursery, makers[wrong]()) as uri:
        with pytest.raises(ConnectFailedError, match=said):
            await linked(uri, nursery)


async def test_d5_a_server_without_tls_is_refused(
    nursery: trio.Nursery, authority: Authority
) -> None:
    async with relay_behind_http() as (_, uri):
        with pytest.raises(ConnectFailedError, match="TLS failed: "):
            await linked(uri._replace(scheme=Scheme.WSS), nursery)


async def test_d5_control_without_a_look_at_the_certificate_anybody_can_be_in_between(
    nursery: trio.Nursery, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", ssl._create_unverified_context)
    async with in_front(nursery, Authority(tmp_path, "stranger").server(LOOPBACK)) as uri:
        link = await linked(uri, nursery)
        assert await link.request(b"hello") == b"relay: hello"
        link.close()


async def test_d14_a_relay_may_have_a_certificate_of_its_own(
    nursery: trio.Nursery, authority: Authority
) -> None:
    file = authority.server_file(LOOPBACK)
    async with relay_behind_http(make_peer=ServerCertificate(file, file).peer) as (_, uri):
        link = await linked(uri._replace(scheme=Scheme.WSS), nursery)
        for size in (5, 20_000):
            assert await link.request(bytes(size)) == b"relay: " + bytes(size)
        link.close()
        await link.closed.wait()

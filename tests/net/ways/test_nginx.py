"""nginx in front of a relay, with the lines that the documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.net.ways.certificates import Authority
from tests.net.ways.support import LOOPBACK, relay_behind_http
from tests.net.ways.test_proxy import free_port, until_it_answers
from tests.net.ways.test_websocket import linked
from tests.pages.blocks import blocks
from tests.web.nginx import nginx
from zentalk.net.tcp_stream import TcpStream
from zentalk.wire.text import Scheme


def documented(repository: Path) -> str:
    page = (repository / "docs/how-to/run-a-relay.md").read_text("utf-8")
    [shown] = [block.text for block in blocks(page) if "proxy_pass" in block.text]
    return shown


async def test_d14_the_documented_lines_work_with_tls(
    repository: Path, tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    authority.server("localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    port = free_port()
    sources: list[str] = []
    async with relay_behind_http(sources=sources) as (_, uri):
        shown = documented(repository)
        for written, here in {
            "listen 443 ssl": f"listen {LOOPBACK}:{port} ssl",
            "127.0.0.1:9101": f"{LOOPBACK}:{uri.port}",
        }.items():
            assert written in shown
            shown = shown.replace(written, here)
        pem = tmp_path / "server-1.pem"
        with nginx(tmp_path, f"ssl_certificate {pem}; ssl_certificate_key {pem}; {shown}"):
            await until_it_answers(port)
            front = uri._replace(host="localhost", port=port, scheme=Scheme.WSS)
            elsewhere = await trio.open_tcp_stream(LOOPBACK, port, local_address="127.0.0.2")
            link = await linked(front, nursery, TcpStream.take(elsewhere))
            assert await link.request(b"hello" * 20_000) == b"relay: " + b"hello" * 20_000
            link.close()
            await link.closed.wait()
    assert sources == ["127.0.0.2"], "nginx says where a client comes from"
    assert (tmp_path / "errors").read_text() == ""

"""Programs that others wrote, against this server: curl, nginx in front of it, Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.chromium import browser
from tests.needed import program
from tests.web.echo import BIG_BYTES, Echo
from tests.web.nginx import nginx
from tests.web.served import Served, served
from zentalk.web.serving import bind

AIOHTTP = Path(__file__).with_name("aiohttp_client.py")
SERVERS = """
  upstream node {{ server 127.0.0.1:{server}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 100m;
    location / {{
      proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_set_header Host $host;
    }}
    location /socket {{
      proxy_pass http://node; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection Upgrade;
    }}
    location /old/ {{ proxy_pass http://127.0.0.1:{server}/; }}
  }}
"""


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served(Echo()) as server:
        yield server


async def output(*command: str) -> str:
    """Return what a program prints; fails if it does not end, or not well."""
    with trio.fail_after(60):
        done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.DEVNULL)
    return done.stdout.decode("latin-1")


async def curl(server: Served, *options: str, path: str = "/echo") -> str:
    words = (program("curl"), "--silent", "--show-error", "--noproxy", "*", "--max-time", "50")
    return await output(*words, *options, f"{server.url}{path}")


async def test_curl_reads_sends_and_asks_first(server: Served, tmp_path: Path) -> None:
    found = json.loads(await curl(server, path="/a%20b?q=%20"))
    assert (found["path"], found["raw_path"], found["query"]) == ("/a b", "/a%20b", "q=%20")
    (tmp_path / "body").write_bytes(b"\1" * 3_000_000)
    upload = ("--data-binary", f"@{tmp_path}/body", "-D", "-")
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
        head, _, body = (await curl(server, *upload, *extra)).rpartition("\r\n\r\n")
        assert json.loads(body)["sum"] == 3_000_000
        assert ("100 Continue" in head) is (extra != ["-H", "Expect:"])
    assert (await curl(server, *upload, path="/unread")).endswith("unread")
    assert json.loads(await curl(server, "--http1.0"))["version"] == "1.0"
    assert json.loads(await curl(server, "--request-target", "*", "-X", "OPTIONS"))["path"] == "*"
    assert json.loads(await curl(server, "--http2"))["method"] == "GET"


async def test_curl_reads_every_kind_of_answer(server: Served) -> None:
    assert await curl(server, path="/parts") == "one two three"
    assert f"content-length: {BIG_BYTES}" in await curl(server, "--head", path="/big")
    assert "204 No Content" in await curl(server, "-i", path="/empty")
    # Two requests on one connection, the second after an answer without a body.
    both = ("--write-out", "%{num_connects}", f"{server.url}/empty")
    assert (await curl(server, *both, path="/unread")).endswith("unread0")
    large = await curl(server, "-H", f"X: {'y' * 20_000}")
    assert len(dict(json.loads(large)["headers"])["x"]) == 20_000
    assert "431" in await curl(server, "-i", "-H", f"X: {'y' * 40_000}")


async def test_nginx_stands_in_front_of_it(server: Served, tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with nginx(tmp_path, SERVERS.format(server=server.port, port=port)):
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=50) as client:
            with trio.fail_after(30):
                while not await answers(client):  # noqa: ASYNC110 - another program
                    await trio.sleep(0.05)
            for number in range(50):
                found = (await client.get(f"/echo/%20?{number}")).json()
                assert (found["raw_path"], found["query"]) == ("/echo/%20", str(number))
                assert found["version"] == "1.1"
            assert (await client.get("/old/echo")).json()["version"] == "1.0"
            assert (await client.get("/old/parts")).text == "one two three"
            assert (await client.post("/echo", content=b"\1" * 1_000_000)).json()["sum"] == 10**6
            assert (await client.post("/echo", content=parts_of(1000))).json()["sum"] == 1000
            assert len((await client.get("/big")).content) == BIG_BYTES
            assert (await client.head("/big")).headers["content-length"] == str(BIG_BYTES)
            assert (await client.get("/parts")).text == "one two three"
            assert (await client.get("/empty")).status_code == 204
            assert (await client.options("/echo")).json()["method"] == "OPTIONS"
            done = await trio.run_process(
                [sys.executable, str(AIOHTTP), url, "/socket"], capture_stdout=True
            )
            assert json.loads(done.stdout) == ["\xe9", 100_000, 1000]
            assert (await client.get("/ticks")).text == "data: 1\n\ndata: 2\n\n"
    assert (tmp_path / "errors").read_text() == ""


async def parts_of(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"\1"


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/echo")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.browser
async def test_chromium_fetches_follows_a_stream_and_opens_a_socket(tmp_path: Path) -> None:
    app = Echo()
    async with served(app) as server:
        with browser(tmp_path, f"{server.url}/page"), trio.fail_after(60):
            await app.reported.wait()
    seen: Any = json.loads(app.report)
    assert seen == {
        "get": ["/a b/\xe9", "/a%20b/%C3%A9", "q=%C3%A9"],
        "post": 2_100_000,
        "parts": "one two three",
        "big": BIG_BYTES,
        "head": [200, str(BIG_BYTES)],
        "empty": 204,
        "many": ",".join(map(str, range(30))),
        "ticks": ["1", "2", "3"],
        "socket": ["\xe9", 100_000, 4000, True],
    }

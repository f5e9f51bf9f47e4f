"""Libraries that others wrote, against this server: http.client, requests, httpx, aiohttp."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import requests
import trio

from tests.web.echo import BIG_BYTES, Echo
from tests.web.served import Served, served
from zentalk.web import peer

BODY = b"\1" * 1_000_000
AIOHTTP = Path(__file__).with_name("aiohttp_client.py")


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served(Echo()) as server:
        yield server


def parts() -> Iterator[bytes]:
    for _ in range(100):
        yield b"\1" * 100


async def test_httpx(server: Served) -> None:
    async def streamed() -> AsyncIterator[bytes]:
        for part in parts():
            yield part

    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=50) as client:
        for number in range(50):
            found = (await client.get(f"/a%2Fb?{number}")).json()
            assert (found["path"], found["query"]) == ("/a/b", str(number))
        assert (await client.post("/echo", content=BODY)).json()["sum"] == len(BODY)
        assert (await client.post("/echo", content=streamed())).json()["sum"] == 10_000
        assert len((await client.get("/big")).content) == BIG_BYTES
        assert (await client.get("/parts")).text == "one two three"
        assert (await client.head("/big")).headers["content-length"] == str(BIG_BYTES)
        assert [(await client.get(path)).status_code for path in ("/empty", "/same")] == [204, 304]
        assert (await client.options("/echo")).json()["method"] == "OPTIONS"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut")
        assert (await client.get("/ticks")).text == "data: 1\n\ndata: 2\n\n"


async def test_requests(server: Served) -> None:
    def run() -> None:
        with requests.Session() as session:
            session.trust_env = False
            ask = partial(session.request, timeout=50)
            for number in range(20):
                found = ask("GET", f"{server.url}/a%20b?{number}").json()
                assert (found["path"], found["query"]) == ("/a b", str(number))
            assert ask("POST", f"{server.url}/echo", data=BODY).json()["sum"] == len(BODY)
            assert ask("PUT", f"{server.url}/echo", data=parts()).json()["sum"] == 10_000
            assert len(ask("GET", f"{server.url}/big").content) == BIG_BYTES
            assert ask("GET", f"{server.url}/parts").text == "one two three"
            assert ask("HEAD", f"{server.url}/big").headers["content-length"] == str(BIG_BYTES)
            assert ask("DELETE", f"{server.url}/empty").status_code == 204
            assert ask("OPTIONS", f"{server.url}/echo").json()["method"] == "OPTIONS"

    await trio.to_thread.run_sync(run)


async def test_http_client(server: Served) -> None:
    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=50)

        def ask(method: str, path: str, **extra: object) -> tuple[int, bytes]:
            connection.request(method, path, **extra)  # type: ignore[arg-type]  # as it comes
            answer = connection.getresponse()
            return answer.status, answer.read()

        for number in range(20):
            assert json.loads(ask("GET", f"/echo?{number}")[1])["query"] == str(number)
        assert json.loads(ask("POST", "/echo", body=BODY)[1])["sum"] == len(BODY)
        chunked = json.loads(ask("POST", "/echo", body=parts(), encode_chunked=True)[1])
        assert chunked["sum"] == 10_000
        assert len(ask("GET", "/big")[1]) == BIG_BYTES
        assert ask("HEAD", "/big") == (200, b"")
        assert ask("GET", "/empty") == (204, b"")
        assert ask("GET", "/parts") == (200, b"one two three")
        connection.close()

    await trio.to_thread.run_sync(run)


async def test_aiohttp(server: Served) -> None:
    with trio.fail_after(60):
        done = await trio.run_process(
            [sys.executable, str(AIOHTTP), server.url], capture_stdout=True
        )
    assert json.loads(done.stdout) == {
        "queries": [str(number) for number in range(30)],
        "path": "/a b",
        "sized": 1_000_000,
        "chunked": 10_000,
        "continued": 1_000_000,
        "parts": "one two three",
        "big": BIG_BYTES,
        "head": str(BIG_BYTES),
        "empty": 204,
        "stream": ["data: 1", "", "data: 2"],
        "socket": ["\xe9", 100_000, 1000],
    }


LARGE = bytes(10_000_000)


def post_large(url: str) -> int:
    """Post as urllib does, which reads no answer before it has sent everything."""
    request = urllib.request.Request(f"{url}/unread", data=LARGE)
    with urllib.request.urlopen(request, timeout=50) as answer:
        return int(answer.status)


async def test_an_answer_is_not_lost_to_who_sends_all_of_a_large_body_first(server: Served) -> None:
    for _ in range(5):
        assert await trio.to_thread.run_sync(post_large, server.url) == 200


async def test_control_without_reading_on_the_answer_is_lost(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "LINGER_BYTES", 1024 * 1024)
    with pytest.raises(urllib.error.URLError):
        await trio.to_thread.run_sync(post_large, server.url)

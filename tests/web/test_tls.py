"""TLS on a server's connections: real clients, what is no TLS, and certificates that change."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.needed import program
from tests.net.ways.certificates import Authority
from tests.web.echo import BIG_BYTES, Echo
from tests.web.served import Served, served, until_end
from zentalk.errors import ConfigError
from zentalk.web.connection import HEAD_SECONDS
from zentalk.web.tls import LOOK_SECONDS, ServerCertificate

HOST = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def secure(authority: Authority) -> AsyncIterator[Served]:
    file = authority.server_file(HOST)
    async with served(Echo(), make_peer=ServerCertificate(file, file).peer) as server:
        yield server


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file))


@asynccontextmanager
async def client(server: Served, authority: Authority) -> AsyncIterator[httpx.AsyncClient]:
    url = f"https://{HOST}:{server.port}"
    async with httpx.AsyncClient(
        base_url=url, verify=trusting(authority), trust_env=False, timeout=50
    ) as found:
        yield found


async def test_bodies_of_every_size_pass_both_ways(authority: Authority) -> None:
    async with secure(authority) as server, client(server, authority) as http:
        for number in range(20):
            found = (await http.get(f"/echo?{number}")).json()
            assert (found["query"], found["version"]) == (str(number), "1.1")
        assert (await http.post("/echo", content=b"\1" * 1_000_000)).json()["sum"] == 10**6
        assert len((await http.get("/big")).content) == BIG_BYTES
        assert (await http.get("/parts")).text == "one two three"
        assert (await http.get("/empty")).status_code == 204


async def test_curl_and_its_end_of_tls(authority: Authority) -> None:
    async with secure(authority) as server:
        words = (program("curl"), "--silent", "--noproxy", "*", "--max-time", "50", "--cacert")
        for options in ((), ("--http1.0",), ("--tls-max", "1.2")):
            command = [*words, str(authority.file), *options, f"https://{HOST}:{server.port}/parts"]
            done = await trio.run_process(command, capture_stdout=True)
            assert done.stdout == b"one two three"


async def test_an_application_knows_that_it_is_secure(authority: Authority) -> None:
    seen: list[str] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(str(scope["scheme"]))

    file = authority.server_file(HOST)
    async with (
        served(app, make_peer=ServerCertificate(file, file).peer) as server,  # type: ignore[arg-type] # it reads nothing more
        client(server, authority) as http,
    ):
        await http.get("/")
    assert seen == ["https"]


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\x00", b"\0"])
async def test_what_is_no_tls_is_hung_up_on_without_an_answer(
    said: bytes, authority: Authority
) -> None:
    async with secure(authority) as server:
        answer = await server.say(said, half_close=True)
        assert b"HTTP" not in answer
        async with client(server, authority) as http:
            assert (await http.get("/echo")).status_code == 200


async def test_who_never_finishes_the_handshake_is_cut_off(
    authority: Authority, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.05
    async with secure(authority) as server, await server.dial() as stream:
        await stream.send_all(b"\x16\x03\x01\x02\x00")
        began = trio.current_time()
        await until_end(stream)
        assert trio.current_time() - began <= HEAD_SECONDS + 15


async def test_a_peer_that_cuts_tls_off_ends_its_connection_alone(authority: Authority) -> None:
    async with secure(authority) as server:
        for _ in range(3):
            raw = await server.dial()
            tls = trio.SSLStream(raw, trusting(authority), server_hostname=HOST)
            await tls.send_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
            await raw.aclose()
        async with client(server, authority) as http:
            assert (await http.get("/echo")).status_code == 200


async def test_a_renewed_certificate_is_used_and_a_wrong_one_is_not(
    authority: Authority, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.05
    file = authority.server_file(HOST)
    certificate = ServerCertificate(file, file)

    async def shown(server: Served) -> bytes | None:
        stream = trio.SSLStream(await server.dial(), trusting(authority), server_hostname=HOST)
        await stream.do_handshake()
        found: bytes | None = stream.getpeercert(binary_form=True)
        await trio.aclose_forcefully(stream)
        return found

    async with served(Echo(), make_peer=certificate.peer) as server:
        first = await shown(server)
        change(file, b"nothing")
        await trio.sleep(LOOK_SECONDS)
        assert await shown(server) == first, "the old one goes on"
        change(file, authority.server_file(HOST).read_bytes())
        assert await shown(server) == first, "nobody looks at each connection"
        await trio.sleep(LOOK_SECONDS)
        assert await shown(server) not in (first, None)


def change(file: Path, content: bytes) -> None:
    """Write a file, with a time of its own: it may be the same tick of the clock."""
    later = file.stat().st_mtime + 10
    file.write_bytes(content)
    os.utime(file, (later, later))


def test_files_that_are_no_certificate_are_named(authority: Authority, tmp_path: Path) -> None:
    file, other = authority.server_file(HOST), authority.server_file(HOST)
    with pytest.raises(ConfigError, match=r"missing\.pem: no such file"):
        ServerCertificate(tmp_path / "missing.pem", file)
    for certificate, key in ((authority.file, other), (tmp_path / "junk", file)):
        (tmp_path / "junk").write_bytes(b"junk")
        with pytest.raises(ConfigError, match="no certificate with its key"):
            ServerCertificate(certificate, key)

"""The way out for devices leads to the public Internet only, to the address that was checked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from tests.node.notify.push_server import PushServer
from tests.web.served import served
from zentalk.node.notify import outgoing, web_push
from zentalk.node.notify.outgoing import NOT_PUBLIC, HttpPoster
from zentalk.wire.public_addresses import public_address

HEADERS = web_push.headers_of(b"", None)


class Names(trio.abc.HostnameResolver):
    """Names that stand for these addresses, one list after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - its name
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        self.asked.append(host if isinstance(host, str) else host.decode())
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
            for address in self.answers.pop(0)
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    # A second answer, as a name gives that is made to mean another place a moment later.
    made = Names(["10.1.2.3", "127.0.0.1"], ["10.1.2.3"])
    before = trio.socket.set_custom_hostname_resolver(made)
    yield made
    trio.socket.set_custom_hostname_resolver(before)


def as_if_public(text: str) -> str | None:
    return text if text == "127.0.0.1" else public_address(text)


@pytest.fixture
def server() -> PushServer:
    server = PushServer()
    server.subscribe(is_encrypted=False)
    return server


async def test_it_connects_to_the_address_that_was_checked_under_the_name(
    server: PushServer, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "public_address", as_if_public)
    async with served(server) as place:
        url = f"http://push.example:{place.port}/up1?up=1"
        answer = await HttpPoster(public_only=True).post(url, HEADERS, b"1")
    assert answer.status == 201
    assert names.asked == ["push.example"], "once: what is dialled is what was found"
    [(_, path, headers, body)] = server.requests
    assert (path, headers["host"], body) == ("/up1", f"push.example:{place.port}", b"1")


async def test_a_name_of_no_public_place_is_not_dialled(server: PushServer, names: Names) -> None:
    async with served(server) as place:
        for url in (f"http://push.example:{place.port}/up1", f"{place.url}/up1"):
            answer = await HttpPoster(public_only=True).post(url, HEADERS, b"1")
            assert (answer.status, answer.error) == (0, NOT_PUBLIC)
            names.answers = [["127.0.0.1", "::1", "fe80::1"]]
        assert server.requests == []
        assert (await HttpPoster().post(f"{place.url}/up1", HEADERS, b"1")).status == 201


async def test_a_certificate_is_checked_for_the_name(
    server: PushServer, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    secured = trio.SSLStream

    def wrapped(*given: Any, server_hostname: Any = None, **named: Any) -> Any:
        shown.append(server_hostname)
        return secured(*given, server_hostname=server_hostname, **named)

    monkeypatch.setattr(outgoing, "public_address", as_if_public)
    monkeypatch.setattr(trio, "SSLStream", wrapped)
    async with served(server) as place:
        url = f"https://push.example:{place.port}/up1"
        answer = await HttpPoster(public_only=True).post(url, HEADERS, b"1")
    assert answer.status == 0
    assert shown == ["push.example"]


async def test_an_address_of_ipv6_is_dialled_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []

    async def post(url: Any, *_: Any) -> Any:
        dialled.append(str(url))

    monkeypatch.setattr(outgoing, "_post", post)
    url = "http://[2600::1234]:8080/up1"
    await HttpPoster(public_only=True).post(url, HEADERS, b"1")
    assert dialled == [url]

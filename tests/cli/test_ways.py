"""Nodes whose line lets little through, as people start them: real programs, real proxies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trio

from tests.cli.processes import Program, add, init, running, zentalk
from tests.cli.test_relay_http import http_url, with_http
from tests.net.ways.certificates import Authority
from tests.net.ways.test_proxy import free_port, microsocks, tinyproxy
from zentalk.client import AsyncClient
from zentalk.wire.text import parse_relay_uri

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
RELAYS = 3


@contextmanager
def relays(
    folder: Path, certificate: Path | None = None, *lines: str
) -> Iterator[tuple[list[str], list[int]]]:
    """Relays that announce WebSockets: their URIs of TCP, and the ports of HTTP."""
    scheme = "ws" if certificate is None else "wss"
    uris: list[str] = []
    ports = [free_port() for _ in range(RELAYS)]
    with ExitStack() as stack:
        for number, port in enumerate(ports):
            home = folder / f"r{number}"
            place = f'announce_websockets = ["{scheme}://127.0.0.1:{port}/relay/link"]'
            with_http(home, port, uris[:1], [place, *lines])
            if certificate is not None:
                add(home, f'http_certificate = "{certificate}"', f'http_key = "{certificate}"')
                assert zentalk("relay", "check", "--dir", home).returncode == 0
            relay = stack.enter_context(running("relay", home))
            uris.append(relay.ready())
            assert http_url(relay).endswith(f":{port}")
        yield uris, ports


def person(folder: Path, bootstraps: Sequence[str], *lines: str) -> None:
    init("api", folder, bootstraps, *lines)


def as_web(uri: str, port: int, scheme: str = "ws") -> str:
    return f"{uri.partition('@')[0]}@{scheme}://127.0.0.1:{port}/relay/link"


async def talk(one: Path, other: Path) -> None:
    """Both write to each other, and both messages are delivered."""
    introduce(one, other)
    for home, to in ((one, "other"), (other, "one")):
        zentalk("message", "send", to, "hello", "--dir", home)
    for home, to in ((one, "other"), (other, "one")):
        await until_delivered(home, to)


def introduce(one: Path, other: Path) -> None:
    """Let both add each other."""
    addresses = {
        home: json.loads(zentalk("api", "address", "--dir", home, "--json").stdout)["address"]
        for home in (one, other)
    }
    zentalk("contact", "add", addresses[other], "--name", "other", "--dir", one)
    zentalk("contact", "add", addresses[one], "--name", "one", "--dir", other)


async def until_delivered(home: Path, to: str) -> None:
    """Wait until all that somebody has written to a contact is delivered."""
    with trio.fail_after(90):
        async with AsyncClient.from_dir(home) as client:
            [address] = [one.address for one in await client.contacts() if one.name == to]
            states = {"queued"}
            while not states <= {"delivered", "read"}:
                await trio.sleep(0.1)
                page = await client.messages(address)
                states = {message.state for message in page if message.direction == "out"}


async def test_b8_nodes_behind_proxies_write_to_each_other(tmp_path: Path) -> None:
    """Alice's proxy connects to the relays' ports for HTTP and to no other; Bob's speaks SOCKS."""
    with relays(tmp_path) as (uris, ports):
        allowed = [f"ConnectPort {port}" for port in ports]
        async with tinyproxy(tmp_path, *allowed) as http, microsocks() as socks:
            web = [as_web(uri, port) for uri, port in zip(uris, ports, strict=True)]
            alice, bob = tmp_path / "alice", tmp_path / "bob"
            person(alice, web[:2], f'proxy = "{http.place}"')
            person(bob, uris[:2], f'proxy = "{socks.place}"')
            with running("api", alice) as one, running("api", bob) as other:
                one.ready()
                other.ready()
                await talk(alice, bob)
                assert not connected(one, ports + own_ports(uris)), "nothing goes past the proxy"
                assert not connected(other, ports + own_ports(uris))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_b8_d14_a_node_that_may_use_websockets_only_uses_nothing_else(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `wss` the relays take TLS themselves, with a certificate that this machine trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    certificate = authority.server_file("127.0.0.1") if scheme == "wss" else None
    with relays(tmp_path, certificate) as (uris, ports):
        web = [as_web(uri, port, scheme) for uri, port in zip(uris, ports, strict=True)]
        alice, bob = tmp_path / "alice", tmp_path / "bob"
        person(alice, web[:2], 'reach_relays_by = "websocket"')
        person(bob, uris[:2])
        with running("api", alice) as one, running("api", bob) as other:
            one.ready()
            other.ready()
            await talk(alice, bob)
            shown = json.loads(zentalk("network", "status", "--dir", alice, "--json").stdout)
            assert 1 <= len(shown["entries"]) <= 2
            assert set(shown["entries"]) <= set(web), "it shows how it came in"
            assert connected(one, ports)
            assert not connected(one, own_ports(uris))
            assert connected(other, own_ports(uris)), "control: who may use TCP does"


async def test_d3_d5_a_node_says_which_relays_it_cannot_reach_and_why_and_keeps_its_mail(
    tmp_path: Path,
) -> None:
    """One place is reached and speaks no TLS; at the other nobody listens."""
    with relays(tmp_path) as (uris, ports):
        alice, bob = tmp_path / "alice", tmp_path / "bob"
        nobody = free_port()
        insecure = as_web(uris[0], ports[0]).replace("@ws:", "@wss:")
        away = f"{uris[1].rpartition(':')[0]}:{nobody}"
        person(alice, [insecure, away])
        person(bob, uris[:2])
        wanted = (
            f"place=wss://127.0.0.1:{ports[0]}/relay/link",
            'reason="TLS failed: ',
            f'place=127.0.0.1:{nobody} reason="Connection refused"',
        )
        with running("api", bob) as other:
            other.ready()
            with running("api", alice) as one:
                one.ready()
                introduce(alice, bob)
                zentalk("message", "send", "other", "kept", "--dir", alice)
                with trio.fail_after(60):
                    while not all(map(one.errors().count, wanted)):  # noqa: ASYNC110 - a program
                        await trio.sleep(0.1)
                lines = [line for line in one.errors().splitlines() if "relay_not_reached" in line]
                assert len(lines) == 2, "each once"
                shown = zentalk("message", "list", "other", "--dir", alice, "--json").stdout
                assert [message["state"] for message in json.loads(shown)] == ["queued"]
                assert one.stop() == 0
            config = alice / "config.toml"
            known = config.read_text("utf-8").replace(insecure, uris[0]).replace(away, uris[1])
            config.write_text(known, "utf-8")
            with running("api", alice) as one:
                one.ready()
                await until_delivered(alice, "other")


def own_ports(uris: Sequence[str]) -> list[int]:
    return [parse_relay_uri(uri).port for uri in uris]


def connected(node: Program, ports: Sequence[int]) -> bool:
    """Whether a program has a connection to one of these ports."""
    process = Path(f"/proc/{node.process.pid}")
    wanted = {f"{port:04X}" for port in ports}
    rows = [row.split() for row in (process / "net/tcp").read_text("ascii").splitlines()[1:]]
    there = {f"socket:[{row[9]}]" for row in rows if row[2].rpartition(":")[2] in wanted}
    return not there.isdisjoint(str(file.readlink()) for file in (process / "fd").iterdir())

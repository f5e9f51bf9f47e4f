"""D5, D15: a private relay among public ones, as its operator and people start them."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trio

from tests.cli.processes import Program, add, init, running, zentalk
from tests.cli.test_relay_http import http_url, with_http
from tests.cli.test_ways import person, talk
from zentalk.link.hello import ClientCredentials
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.wire.text import RelayUri, parse_access_token, parse_relay_uri

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
TOLD = "takes only those who have a token of it: ask its operator"


class Network(NamedTuple):
    """Three relays for everybody, and one for friends, with its folder and door."""

    public: list[str]
    friends: str
    program: Program
    home: Path
    url: str

    def token_for(self, name: str) -> str:
        """Make a token; the relay has not read it yet."""
        return zentalk("relay", "access", "add", name, "--dir", self.home).stdout.strip()


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("relays")
    with ExitStack() as stack:
        uris: list[str] = []
        for number in range(3):
            home = folder / f"r{number}"
            init("relay", home, uris[:1])
            uris.append(stack.enter_context(running("relay", home)).ready())
        home = folder / "friends"
        with_http(home, bootstraps=uris[:1])
        add(home, 'private = ["links", "mailboxes"]', "http_behind_proxy = true")
        relay = stack.enter_context(running("relay", home))
        yield Network(uris, relay.ready(), relay, home, http_url(relay))


def reload(net: Network) -> None:
    """Let the relay read its files, and wait until it has."""
    before = net.program.errors().count("settings_reloaded")
    net.program.process.send_signal(signal.SIGHUP)
    until(lambda: net.program.errors().count("settings_reloaded") > before)


def until(condition: Callable[[], object]) -> None:
    for _ in range(900):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it has not come about")


def shown(*words: object) -> Any:
    return json.loads(zentalk(*words, "--json").stdout)


def mailbox_places(home: Path) -> set[str]:
    return {row["relay"] for row in shown("mailbox", "list", "--dir", home) if row["current"]}


async def link(uri: RelayUri, nursery: trio.Nursery, secret: bytes | None) -> Connection:
    return await connect(
        await TcpNetwork().dial(uri.host, uri.port),
        network="local",
        relay_identity=uri.identity,
        hello=None if secret is None else ClientCredentials(secret),
        handlers=NoHandlers(),
        runtime=Runtime.real(),
        nursery=nursery,
    )


async def word_of(link: Connection) -> str:
    with trio.fail_after(60):
        await link.closed.wait()
    return link.left_because


async def test_d15_one_with_a_token_has_a_mailbox_there_and_others_are_told(
    tmp_path: Path, net: Network
) -> None:
    token = net.token_for("Bob")
    reload(net)
    alice, bob, eve = (tmp_path / name for name in ("alice", "bob", "eve"))
    guards = json.dumps(net.public[:2])
    person(alice, net.public[:2], f"guards = {guards}")
    person(bob, net.public[:2], f"guards = {guards}", f'access_tokens = ["{token}"]')
    person(eve, net.public[:2], f'guards = ["{net.friends}"]')
    with running("api", alice) as one, running("api", bob) as two, running("api", eve) as third:
        for node in (one, two, third):
            node.ready()
        await talk(alice, bob)
        until(lambda: len(mailbox_places(alice)) == 2)
        assert net.friends in mailbox_places(bob)
        assert net.friends not in mailbox_places(alice)
        until(lambda: TOLD in str(shown("network", "status", "--dir", eve)["notes"]))
        for node in (one, two, third):
            assert token not in node.errors() + node.arguments()
    assert token not in net.program.errors() + net.program.arguments()


async def test_d15_a_token_that_is_revoked_ends_its_link(
    net: Network, nursery: trio.Nursery
) -> None:
    uri = parse_relay_uri(net.friends)
    secret, other = (parse_access_token(net.token_for(name)).secret for name in ("Dave", "Carol"))
    assert await word_of(await link(uri, nursery, None)) == "access"
    reload(net)
    daves = await link(uri, nursery, secret)
    carols = await link(uri, nursery, other)
    told = zentalk("relay", "access", "revoke", "Dave", "--dir", net.home).stdout
    assert told.endswith(f"kill -HUP {net.program.process.pid}\n")
    assert daves.is_open, "the relay has not read it yet"
    reload(net)
    assert await word_of(daves) == "access"
    assert await word_of(await link(uri, nursery, secret)) == "access"
    assert carols.is_open, "the control"


async def test_d5_a_banned_address_reads_the_reason_over_http(
    net: Network, nursery: trio.Nursery
) -> None:
    with httpx.Client(base_url=net.url, trust_env=False) as http:

        def ask(address: str) -> httpx.Response:
            return http.get("/relay/stats", headers={"X-Forwarded-For": address})

        assert ask("203.0.113.9").status_code == 200
        ban = ("relay", "ban", "add", "203.0.113.0/24", "--for", "30d", "--reason", "floods")
        zentalk(*ban, "--dir", net.home)
        assert ask("203.0.113.9").status_code == 200, "the relay has not read it yet"
        reload(net)
        refused = ask("203.0.113.9")
        assert refused.status_code == 403
        assert refused.json()["detail"].endswith(": floods")
        assert ask("198.51.100.9").status_code == 200, "the control"
        zentalk("relay", "ban", "remove", "203.0.113.0/24", "--dir", net.home)
        reload(net)
        assert ask("203.0.113.9").status_code == 200
    uri, secret = parse_relay_uri(net.friends), parse_access_token(net.token_for("Frank")).secret
    reload(net)
    inside = await link(uri, nursery, secret)
    with banned(net, "127.0.0.1"):
        assert await word_of(inside) == "banned"
        assert await word_of(await link(uri, nursery, secret)) == "banned"


@contextmanager
def banned(net: Network, address: str) -> Iterator[None]:
    """Ban an address for a while: others use this relay too."""
    zentalk("relay", "ban", "add", address, "--dir", net.home)
    reload(net)
    try:
        yield
    finally:
        zentalk("relay", "ban", "remove", address, "--dir", net.home)
        reload(net)

"""Paths through real NATs of Linux: the table of what must be found, and a firewall that comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import pytest
import trio

from tests.direct.support import NatKind
from tests.faults.namespaces import SIDES
from tests.net.nat_namespaces import RELAYS, NatNamespaces, house_address, public_address
from zentalk.direct import path_check, punch
from zentalk.direct.candidates import OwnPlaces
from zentalk.direct.reasons import WhyNot
from zentalk.errors import ConnectFailedError
from zentalk.net.datagrams import Address, Datagrams, UdpDatagrams
from zentalk.net.path_session import PathSession
from zentalk.net.punching import PathFinder
from zentalk.net.runtime import Runtime
from zentalk.relay.links.address_echo import AddressEcho
from zentalk.relay.metrics import Counters
from zentalk.wire.direct import DirectOffer, Nat

pytestmark = [pytest.mark.slow, pytest.mark.privileged]

FULL, STRICT, SYMMETRIC = NatKind.FULL_CONE, NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC
TABLE = [
    (FULL, FULL, True),
    (FULL, STRICT, True),
    (FULL, SYMMETRIC, True),
    (STRICT, FULL, True),
    (STRICT, STRICT, True),
    (STRICT, SYMMETRIC, False),
    (SYMMETRIC, FULL, True),
    (SYMMETRIC, STRICT, False),
    (SYMMETRIC, SYMMETRIC, False),
]
PORT = 5000
RELAY_PORT = 9001
NETWORK = "local"
SHORT_SECONDS = 2.0
PATIENCE_SECONDS = 60.0


class Tapped:
    """A port of which a test sees what comes in: satisfies `Datagrams`."""

    def __init__(self, port: Datagrams) -> None:
        self._port = port
        self.came: list[tuple[bytes, Address]] = []

    @property
    def local_port(self) -> int:
        return self._port.local_port

    async def send(self, data: bytes, address: Address) -> None:
        await self._port.send(data, address)

    async def receive(self) -> tuple[bytes, Address]:
        datagram = await self._port.receive()
        self.came.append(datagram)
        return datagram

    async def aclose(self) -> None:
        await self._port.aclose()


Sharing = Callable[[trio.Nursery, Datagrams], Awaitable[Datagrams]]
"""Lets something else use a port too, and returns what it leaves."""


async def alone(_nursery: trio.Nursery, port: Datagrams) -> Datagrams:
    await trio.lowlevel.checkpoint()
    return port


@asynccontextmanager
async def sessions(
    namespaces: NatNamespaces, kinds: tuple[NatKind, NatKind], sharing: Sharing = alone
) -> AsyncIterator[tuple[list[PathSession], list[Tapped]]]:
    """Two nodes behind NATs of these kinds that look for each other."""
    for side, kind in zip(SIDES, kinds, strict=True):
        namespaces.use(side, kind)
    kind_of = dict(zip(SIDES, kinds, strict=True))

    def offered(side: str, places: OwnPlaces) -> None:
        expected = Nat.SYMMETRIC if kind_of[side] is SYMMETRIC else Nat.STEADY
        assert places.nat is expected
        assert places.candidates[0].place == (house_address(side), PORT)
        assert {place[0] for _, place in places.candidates[1:]} == {public_address(side)}

    async with meeting(namespaces, RELAYS, offered, sharing) as found:
        yield found


Offered = Callable[[str, OwnPlaces], None]
"""Looks at what a node found out about its place."""


@asynccontextmanager
async def meeting(
    namespaces: NatNamespaces, hosts: Sequence[str], offered: Offered, sharing: Sharing = alone
) -> AsyncIterator[tuple[list[PathSession], list[Tapped]]]:
    """Two nodes that asked relays at these hosts, and look for each other."""
    relays = [(host, RELAY_PORT) for host in hosts]
    async with AsyncExitStack() as stack:
        with namespaces.inside("hub"):
            echoes = [await bound(stack, *relay) for relay in relays]
        ports = []
        for side in SIDES:
            with namespaces.inside(side):
                ports.append(await bound(stack, "::", PORT))
        async with trio.open_nursery() as nursery:
            for port in echoes:
                echo = AddressEcho(NETWORK, trio.current_time, Counters())
                nursery.start_soon(echo.serve, port)
            nodes = []
            for side, port in zip(SIDES, ports, strict=True):
                finder = PathFinder(await sharing(nursery, port), Runtime.real())
                await nursery.start(finder.run)
                with namespaces.inside(side):
                    around = await finder.look_around(NETWORK, relays)
                offered(side, around.places)
                nodes.append((finder, offer_of(side, around.places), around.subnets))
            offers = [offer for _, offer, _ in nodes]
            with ExitStack() as searches:
                found = [
                    searches.enter_context(finder.session(own, theirs, subnets))
                    for (finder, own, subnets), theirs in zip(nodes, offers[::-1], strict=True)
                ]
                yield found, ports
            nursery.cancel_scope.cancel()


async def bound(stack: AsyncExitStack, host: str, port: int) -> Tapped:
    made = Tapped(await UdpDatagrams.bind(host, port))
    stack.push_async_callback(made.aclose)
    return made


def offer_of(side: str, places: OwnPlaces) -> DirectOffer:
    key = side.encode().ljust(32)
    return DirectOffer(b"s" * 16, key[::-1], key, places.nat, places.candidates)


async def until_it_came(port: Tapped, datagram: tuple[bytes, Address]) -> None:
    while datagram not in port.came:  # noqa: ASYNC110 - the port is the program's own
        await trio.sleep(0.01)


async def datagrams_pass(found: list[PathSession], ports: list[Tapped]) -> None:
    """What one sends along its path comes to the other from the other's path, both ways."""
    for number, text in enumerate((b"@ from left", b"@ from right")):
        here, there = found[number], found[1 - number]
        assert here.path is not None
        assert there.path is not None
        await ports[number].send(text, here.path)
        await until_it_came(ports[1 - number], (text, there.path))


@pytest.mark.parametrize(("left", "right", "finds"), TABLE)
async def test_a_path_is_found_through_real_nats_where_theory_says(
    namespaces: NatNamespaces,
    left: NatKind,
    right: NatKind,
    finds: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not finds:
        monkeypatch.setattr(punch, "SEARCH_SECONDS", SHORT_SECONDS)
    with trio.fail_after(PATIENCE_SECONDS):
        async with sessions(namespaces, (left, right)) as (found, ports):
            if finds:
                for session in found:
                    await session.path_after()
                await datagrams_pass(found, ports)
                return
            for session in found:
                with pytest.raises(ConnectFailedError):
                    await session.path_after()
            whys = {session.why_not for session in found}
            assert whys in (
                {WhyNot.SYMMETRIC_HERE, WhyNot.SYMMETRIC_THERE},
                {WhyNot.SYMMETRIC_BOTH},
            )


async def test_a_firewall_comes_and_goes(
    namespaces: NatNamespaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is dead while it is there, and found again, by nobody's doing, when it is gone."""
    for module in (path_check, punch):
        monkeypatch.setattr(module, "KEEPALIVE_SECONDS", 0.3)
    with trio.fail_after(PATIENCE_SECONDS):
        async with sessions(namespaces, (STRICT, STRICT)) as (found, ports):
            for session in found:
                await session.path_after()
            with namespaces.cut("left"):
                while any(session.path for session in found):  # noqa: ASYNC110 - see above
                    await trio.sleep(0.05)
            for session in found:
                await session.path_after()
            await datagrams_pass(found, ports)

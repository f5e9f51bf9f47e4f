"""Paths over ports: two finders on a network in memory, with the NATs of the model between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from tests.direct.support import RELAYS, Box, NatKind
from zentalk.direct.reasons import WhyNot
from zentalk.errors import ConnectFailedError, LinkClosedError, UnavailableError
from zentalk.net import punching as module
from zentalk.net.datagrams import Address
from zentalk.net.memory_datagrams import DatagramNetwork, MemoryDatagrams
from zentalk.net.path_session import PathSession
from zentalk.net.punching import PathFinder, Surroundings
from zentalk.net.runtime import Runtime
from zentalk.relay.links.address_echo import AddressEcho
from zentalk.relay.metrics import Counters
from zentalk.wire.direct import DirectOffer, Nat

NETWORK = "local"


class BehindNat:
    """A port in memory whose datagrams go through a NAT: satisfies `Datagrams`."""

    def __init__(self, box: Box, outside: DatagramNetwork) -> None:
        self._box = box
        self._outside = outside
        self._ports: dict[Address, MemoryDatagrams] = {}
        self._came: list[tuple[bytes, Address]] = []
        self._lot = trio.lowlevel.ParkingLot()
        self._closed = False
        self.nursery: trio.Nursery | None = None

    @property
    def local_port(self) -> int:
        return self._box.inner[1]

    async def send(self, data: bytes, address: Address) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        source = self._box.outward(address)
        if source is None:
            await trio.lowlevel.checkpoint()
            return
        if source not in self._ports:
            port = self._ports[source] = self._outside.bind(*source)
            assert self.nursery is not None
            self.nursery.start_soon(self._read, source, port)
        await self._ports[source].send(data, address)

    async def _read(self, outer: Address, port: MemoryDatagrams) -> None:
        for _ in range(100_000):
            data, source = await port.receive()
            if self._box.lets_in(source, outer):
                self._came.append((data, source))
                self._lot.unpark_all()

    async def receive(self) -> tuple[bytes, Address]:
        while not self._came:
            if self._closed:
                raise trio.ClosedResourceError
            await self._lot.park()
        await trio.lowlevel.checkpoint()
        return self._came.pop(0)

    async def aclose(self) -> None:
        self._closed = True
        self._lot.unpark_all()
        await trio.lowlevel.checkpoint()


@dataclass
class Node:
    name: str
    box: Box
    port: BehindNat
    finder: PathFinder
    around: Surroundings
    offer: DirectOffer

    def seeks(self, other: Node) -> AbstractContextManager[PathSession]:
        return self.finder.session(self.offer, other.offer, self.around.subnets)


@pytest.fixture(autouse=True)
def _inner_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here has an interface: each node's address is the one that its test says."""

    async def none(_targets: object) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return ()

    monkeypatch.setattr(module, "own_addresses", none)


@asynccontextmanager
async def pair(*kinds: NatKind) -> AsyncIterator[list[Node]]:
    """Two nodes that have looked around, each behind a NAT."""
    net = DatagramNetwork()
    nodes = []
    async with trio.open_nursery() as nursery:
        for relay in RELAYS:
            echo = AddressEcho(NETWORK, trio.current_time, Counters())
            nursery.start_soon(echo.serve, net.bind(*relay))
        for number, kind in enumerate(kinds, 1):
            name = f"node {number}"
            inner = (f"192.168.{number}.2", 5000)
            port = BehindNat(Box(kind, f"11.77.{number}.1", inner), net)
            port.nursery = nursery
            finder = PathFinder(port, Runtime.virtual(number, 0.0))
            await nursery.start(finder.run)
            around = await finder.look_around(NETWORK, RELAYS)
            key = name.encode().ljust(32)
            offer = DirectOffer(
                b"s" * 16, key[::-1], key, around.places.nat, around.places.candidates
            )
            nodes.append(Node(name, port._box, port, finder, around, offer))
        yield nodes
        nursery.cancel_scope.cancel()


async def test_relays_tell_where_a_node_is(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    async with pair(NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC) as (steady, symmetric):
        assert trio.current_time() - began < 0.5, "whoever has all answers waits for nothing"
        assert steady.around.places.nat is Nat.STEADY
        assert symmetric.around.places.nat is Nat.SYMMETRIC
        assert [place for _, place in steady.around.places.candidates] == [("11.77.1.1", 40_000)]


async def test_without_relays_that_answer_it_ends_in_time(autojump_clock: MockClock) -> None:
    async with pair(NatKind.FULL_CONE) as (node,):
        began = trio.current_time()
        around = await node.finder.look_around(NETWORK, [("11.77.8.8", 9001)])
        assert trio.current_time() - began == 3.0
        assert around.places == ((), Nat.UNKNOWN)


async def test_two_nodes_find_a_path_keep_it_and_find_another(autojump_clock: MockClock) -> None:
    async with pair(NatKind.FULL_CONE, NatKind.SYMMETRIC) as (one, other):
        with one.seeks(other) as here, other.seeks(one) as there:
            assert {here.is_client, there.is_client} == {True, False}
            first = await here.path_after()
            assert await there.path_after() == ("11.77.1.1", 40_000)
            assert first[0] == "11.77.2.1"
            await trio.sleep(600)
            assert here.path == first
            other.box.forget()
            with trio.fail_after(60):
                assert (await here.path_after(first))[0] == "11.77.2.1"
        assert here.path is None
        with pytest.raises(LinkClosedError):
            await here.path_after()


async def test_it_says_why_there_is_none(autojump_clock: MockClock) -> None:
    async with pair(NatKind.SYMMETRIC, NatKind.PORT_RESTRICTED) as (one, other):
        with one.seeks(other) as here, other.seeks(one) as there:
            reasons = (WhyNot.SYMMETRIC_HERE, WhyNot.SYMMETRIC_THERE)
            for session, why in zip((here, there), reasons, strict=True):
                with pytest.raises(ConnectFailedError) as refused:
                    await session.path_after()
                assert refused.value.reason == session.why_not == why


async def test_after_the_block_nothing_is_sent(autojump_clock: MockClock) -> None:
    async with pair(NatKind.FULL_CONE, NatKind.FULL_CONE) as (one, other):
        with one.seeks(other):
            await trio.sleep(1)
        one.box.allowed.clear()
        await trio.sleep(100)
        assert not one.box.allowed


async def test_when_the_port_is_closed_a_session_ends(autojump_clock: MockClock) -> None:
    async with pair(NatKind.FULL_CONE, NatKind.FULL_CONE) as (one, other):
        with one.seeks(other) as session:
            await one.port.aclose()
            with pytest.raises(LinkClosedError):
                await session.path_after()
        with pytest.raises(UnavailableError), one.seeks(other):
            pass


async def test_a_port_has_few_sessions(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 1)
    async with pair(NatKind.FULL_CONE, NatKind.FULL_CONE) as (one, other):
        with one.seeks(other), pytest.raises(UnavailableError), one.seeks(other):
            pass
        with one.seeks(other):
            pass

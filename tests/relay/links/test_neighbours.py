"""Links between relays: dialled once, shared, tolerant, closed when idle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.relay.harness import START, World, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConnectFailedError, HandshakeError, UnavailableError
from zentalk.ids import Epoch, NodeId
from zentalk.link.hello import LinkPeer
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.onion.packet import DROP
from zentalk.relay.links.neighbours import IDLE_SECONDS, MAX_LINKS_PER_NEIGHBOUR, RelayLinks
from zentalk.relay.metrics import Counters
from zentalk.wire.descriptor import (
    ROLE_FORWARD,
    Descriptor,
    DescriptorBody,
    Lane,
    node_id_of,
    sign_descriptor,
)
from zentalk.wire.text import RelayUri

KEY = SigningKey(b"n" * 32)
NEXT = node_id_of(KEY.public)
HINT = RelayUri(KEY.public, "hint", 7)


def descriptor(lanes: int = 1, boot: int = 1) -> Descriptor:
    ports = tuple(Lane(9001 + lane, bytes(32), bytes(32)) for lane in range(lanes))
    body = DescriptorBody(
        "local", KEY.public, "next", ports, ROLE_FORWARD, b"", 1, "1", Epoch(1), boot
    )
    return sign_descriptor(KEY, body)


@dataclass(eq=False)
class FakeConnection:
    peer: LinkPeer
    last_activity: float
    open_streams: int = 0
    closed: trio.Event = field(default_factory=trio.Event)
    is_open: bool = True

    def close(self) -> None:
        self.is_open = False
        self.closed.set()


class Bench:
    """Links whose dials are answered by the test."""

    def __init__(self) -> None:
        self.known: Descriptor | None = descriptor()
        self.hints: list[RelayUri] = []
        self.dials: list[str] = []
        self.failure: Exception | None = None
        self.answer = trio.Event()
        self.answer.set()
        self.counters = Counters()
        self.runtime = Runtime.virtual(1, START)
        self.links = RelayLinks(
            self.runtime,
            self,
            self.counters,
        )

    def descriptor_of(self, node_id: NodeId) -> Descriptor | None:
        return self.known if node_id == NEXT else None

    def addresses_of(self, node_id: NodeId, lane: int = 0) -> list[RelayUri]:
        named = () if self.known is None else self.known.uris(lane)
        return list(dict.fromkeys([*named, *self.hints])) if node_id == NEXT else []

    async def _connect(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        self.dials.append(f"{uri.host}:{uri.port}")
        await self.answer.wait()
        if self.failure is not None:
            raise self.failure
        return self.made(LinkPeer("relay", None, NEXT))

    def made(self, peer: LinkPeer) -> Connection:
        return cast("Connection", FakeConnection(peer, self.runtime.monotonic()))

    def inbound(self) -> Connection:
        return self.made(LinkPeer("relay", self.known, NEXT))

    async def fails(self) -> str:
        with pytest.raises(ConnectFailedError) as error:
            await self.links.get(NEXT)
        return error.value.reason

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RelayLinks]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.links.run, self._connect)
            await wait_all_tasks_blocked()
            yield self.links
            nursery.cancel_scope.cancel()


async def test_many_who_want_a_link_make_one_dial(autojump_clock: MockClock) -> None:
    bench = Bench()
    found: list[Connection] = []

    async def want() -> None:
        found.append(await bench.links.get(NEXT))

    async with bench.running() as links:
        bench.answer = trio.Event()
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(want)
            await wait_all_tasks_blocked()
            assert links.linked(NEXT) is None
            bench.answer.set()
        assert bench.dials == ["next:9001"]
        assert bench.counters.links_dialled == 1
        assert len(found) == 10
        assert {id(link) for link in found} == {id(links.linked(NEXT))}
        assert await links.dial(HINT) is links.linked(NEXT)
        assert links.connected() == [found[0]]


async def test_one_who_gives_up_does_not_end_the_dial_of_others(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with bench.running() as links:
        bench.answer = trio.Event()
        with trio.move_on_after(1) as impatient:
            await links.get(NEXT)
        assert impatient.cancelled_caught
        bench.answer.set()
        await links.get(NEXT)
        assert bench.dials == ["next:9001"]


async def test_a_failure_waits_and_doubles(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.failure = ConnectFailedError("next:9001", "refused")
    async with bench.running():
        assert await bench.fails() == "refused"
        assert await bench.fails() == "it was tried a moment ago"
        assert len(bench.dials) == 1
        await trio.sleep(1)
        assert await bench.fails() == "refused"
        await trio.sleep(0.9)
        assert await bench.fails() == "it was tried a moment ago"
        await trio.sleep(1.1)
        assert await bench.fails() == "refused"


async def test_a_new_boot_is_tried_at_once(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.failure = HandshakeError("wrong key")
    async with bench.running() as links:
        assert await bench.fails() == "wrong key"
        bench.known = descriptor(boot=2)
        bench.failure = None
        await links.get(NEXT)


async def test_a_neighbour_that_dials_us_need_not_be_dialled(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.failure = ConnectFailedError("next:9001", "refused")
    async with bench.running() as links:
        await bench.fails()
        inbound = bench.inbound()
        links.register(inbound)
        assert await links.get(NEXT) is inbound
        inbound.close()
        bench.failure = None
        await links.get(NEXT)
        assert len(bench.dials) == 2, "its failures are forgotten"


async def test_hints_are_dialled_after_the_descriptors_address(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.hints = [HINT]
    bench.failure = ConnectFailedError("x", "refused")
    async with bench.running() as links:
        await bench.fails()
        assert bench.dials == ["next:9001", "hint:7"]
        bench.known = None
        assert links.knows(NEXT)
        assert await bench.fails() == "refused"
        assert bench.dials[2:] == ["hint:7"]
        bench.hints = []
        assert not links.knows(NEXT)
        with pytest.raises(UnavailableError):
            await links.get(NEXT)
        with pytest.raises(UnavailableError):
            await links.get(NodeId(bytes(32)))


async def test_each_lane_is_a_link_of_its_own(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.known = descriptor(lanes=2)
    async with bench.running() as links:
        assert await links.get(NEXT, 0) is not await links.get(NEXT, 1)
        assert bench.dials == ["next:9001", "next:9002"]
        assert not links.knows(NEXT, 2)
        with pytest.raises(UnavailableError):
            await links.get(NEXT, 2)
        assert len(links.connected()) == 1


async def test_packets_for_a_lane_do_not_leave_over_another_lanes_link(
    autojump_clock: MockClock,
) -> None:
    bench = Bench()
    bench.known = descriptor(lanes=2)
    async with bench.running() as links:
        links.register(bench.inbound())
        assert links.linked(NEXT, 0) is None
        assert len(links.connected()) == 1, "good for questions all the same"


async def test_the_end_of_an_old_link_leaves_the_new_one(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with bench.running() as links:
        old, new = bench.inbound(), bench.inbound()
        links.register(old)
        links.register(new)
        assert links.linked(NEXT) is new
        old.close()
        await wait_all_tasks_blocked()
        assert links.linked(NEXT) is new
        new.close()
        assert links.linked(NEXT) is None
        assert links.connected() == []


async def test_a_link_that_is_closing_gets_no_more_packets(autojump_clock: MockClock) -> None:
    """It still sends what it has, for up to a second; what is added would be lost."""
    bench = Bench()
    async with bench.running() as links:
        inbound = bench.inbound()
        links.register(inbound)
        cast("FakeConnection", inbound).is_open = False
        assert links.linked(NEXT) is None
        assert await links.get(NEXT) is not inbound
        assert len(bench.dials) == 1


async def test_idle_links_close_and_busy_ones_stay(autojump_clock: MockClock) -> None:
    bench = Bench()
    async with bench.running() as links:
        idle, busy = bench.inbound(), bench.inbound()
        cast("FakeConnection", busy).open_streams = 1
        links.register(idle)
        links.register(busy)
        await trio.sleep(IDLE_SECONDS - 15)
        assert not idle.closed.is_set()
        await trio.sleep(30)
        assert idle.closed.is_set()
        assert not busy.closed.is_set()
        cast("FakeConnection", busy).open_streams = 0
        await trio.sleep(15)
        assert busy.closed.is_set()


async def test_a_neighbour_that_dials_without_end_keeps_a_few_links(
    autojump_clock: MockClock,
) -> None:
    bench = Bench()
    async with bench.running() as links:
        inbound = [bench.inbound() for _ in range(MAX_LINKS_PER_NEIGHBOUR + 3)]
        for link in inbound:
            links.register(link)
            await wait_all_tasks_blocked()
        assert [link.closed.is_set() for link in inbound].count(False) == MAX_LINKS_PER_NEIGHBOUR
        assert not inbound[-1].closed.is_set()


async def test_stopping_ends_dials(autojump_clock: MockClock) -> None:
    bench = Bench()
    reasons: list[str] = []

    async def want() -> None:
        reasons.append(await bench.fails())

    async with trio.open_nursery() as nursery, bench.running():
        bench.answer = trio.Event()
        nursery.start_soon(want)
        await wait_all_tasks_blocked()
    assert reasons == ["the relay is stopping"]
    assert await bench.fails() == "the relay is stopping"


async def apart(net: World) -> None:
    """Close all links of a world's relays."""
    for running in net.relays.values():
        assert running.relay._wiring is not None
        running.relay._wiring.links.close_all()
    await trio.sleep(1.5)


async def test_both_may_dial_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        net.network.set_latency("r1", "r2", 0.2)
        await apart(net)
        one, other = r1.relay._wiring, r2.relay._wiring
        assert one is not None
        assert other is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.links.get, r2.node_id)
            nursery.start_soon(other.links.get, r1.node_id)
        await trio.sleep(1)
        client = await net.client("alice", "r1")
        client.send_packet(net.packet(net.hops("r1", "r2"), DROP, b""))
        await trio.sleep(1)
        assert r2.relay.stats().cover == 1
        assert (len(one.links.connected()), len(other.links.connected())) == (1, 1)


async def test_a_relay_with_another_identity_is_not_taken_for_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        await net.crash("r2")
        for path in net.folder("r2").iterdir():
            path.unlink()
        impostor = await net.start("r2", bootstraps=())
        assert impostor.node_id != r2.node_id
        assert r1.relay._wiring is not None
        with pytest.raises(ConnectFailedError):
            await r1.relay._wiring.links.get(r2.node_id)

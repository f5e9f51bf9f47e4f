"""The router with fake links and services: what goes where, what is refused, what is held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from zentalk.errors import ConnectFailedError
from zentalk.ids import NodeId, SendId, epoch_at
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.onion.ack import build_ack
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, DROP, Deliver, DeliveryPlaintext, Forward, Hop
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import wrap
from zentalk.relay.forwarding import router as router_module
from zentalk.relay.forwarding.forwarder import Forwarder
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.send_queues import MAX_TARGET_BYTES
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.metrics import Counters
from zentalk.relay.wiring import QUEUE_SHARE
from zentalk.wire.deposit import AckRoute

WALL = 1_700_000_000.0
OWN = NodeId(b"o" * 32)
NEXT = NodeId(b"n" * 32)
MEMORY = 1_000_000
entropy = seeded_entropy(b"router")


@dataclass
class FakeLink:
    room: int = 1000
    sent: list[bytes] = field(default_factory=list)

    def send_packet(self, packet: bytes) -> bool:
        if len(self.sent) >= self.room:
            return False
        self.sent.append(packet)
        return True


@dataclass
class FakeLinks:
    live: dict[tuple[NodeId, int], FakeLink] = field(default_factory=dict)
    dialled: dict[tuple[NodeId, int], FakeLink] = field(default_factory=dict)
    dials: list[tuple[NodeId, int]] = field(default_factory=list)
    answer: trio.Event = field(default_factory=trio.Event)

    def linked(self, node_id: NodeId, lane: int = 0) -> FakeLink | None:
        return self.live.get((node_id, lane))

    def knows(self, node_id: NodeId, lane: int = 0) -> bool:
        return node_id == NEXT

    async def get(self, node_id: NodeId, lane: int = 0) -> FakeLink:
        self.dials.append((node_id, lane))
        await self.answer.wait()
        if (node_id, lane) not in self.dialled:
            raise ConnectFailedError("next:1", "refused")
        return self.dialled[node_id, lane]


@dataclass
class FakeServices:
    deposits: list[bytes] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)

    def deposit(self, payload: bytes) -> None:
        self.deposits.append(payload)

    def ack_token(self, payload: bytes) -> None:
        self.tokens.append(payload)


class Bench:
    """A router between fakes, with one peeler, and packets made for it."""

    def __init__(self) -> None:
        self.runtime = Runtime.virtual(1, WALL)
        self.peeler = Peeler()
        self.peeler.rotate(WALL, entropy)
        self.links = FakeLinks()
        self.services = FakeServices()
        self.counters = Counters()
        budget = MemoryBudget(MEMORY)
        queues = budget.account(QUEUE_SHARE, greedy=False)
        self.forwarder = Forwarder(OWN, self.links, self.counters, queues)
        self.router = Router(
            self.runtime,
            [self.peeler],
            self.forwarder,
            self.services,
            self.counters,
            budget,
        )

    def hop(self, node_id: NodeId = OWN, delay_ms: int = 0, lane: int = 0) -> Hop:
        epoch = epoch_at(self.runtime.wall())
        return Hop(node_id, self.peeler.keys_for_descriptor(epoch)[0], epoch, lane, delay_ms)

    def deliver(self, service: int, payload: bytes, delay_ms: int = 0) -> bytes:
        return wrap(
            SMALL, [self.hop(delay_ms=delay_ms)], DeliveryPlaintext(service, payload), entropy
        )

    def forward(self, node_id: NodeId = NEXT, delay_ms: int = 0, lane: int = 0) -> bytes:
        hops = [self.hop(delay_ms=delay_ms), self.hop(node_id, lane=lane)]
        return wrap(SMALL, hops, DeliveryPlaintext(DROP, b""), entropy)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.router.run)
            nursery.start_soon(self.forwarder.run)
            await trio.testing.wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_each_service_gets_its_payload(autojump_clock: MockClock, bench: Bench) -> None:
    async with bench.running():
        for service, payload in ((DEPOSIT, b"sealed"), (ACK_TOKEN, b"t" * 48), (DROP, b"noise")):
            bench.router.packet_received(bench.deliver(service, payload))
    assert bench.services.deposits == [b"sealed"]
    assert bench.services.tokens == [b"t" * 48]
    counters = bench.counters
    assert counters.cover == 1
    assert not counters.refused


async def test_a_packet_leaves_over_the_live_link_at_once(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.live[NEXT, 0] = link = FakeLink()
    async with bench.running():
        bench.router.packet_received(bench.forward())
        assert [len(packet) for packet in link.sent] == [SMALL.packet_bytes]
    assert bench.counters.forwarded == 1
    assert bench.links.dials == []


async def test_the_next_lane_chooses_the_link(autojump_clock: MockClock, bench: Bench) -> None:
    bench.links.live[NEXT, 0] = first = FakeLink()
    bench.links.live[NEXT, 2] = third = FakeLink()
    async with bench.running():
        bench.router.packet_received(bench.forward(lane=2))
    assert (len(first.sent), len(third.sent)) == (0, 1)


async def test_k1_the_same_packet_twice_is_forwarded_once(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.live[NEXT, 0] = link = FakeLink()
    async with bench.running():
        packet = bench.forward()
        bench.router.packet_received(packet)
        bench.router.packet_received(packet)
    assert len(link.sent) == 1
    assert bench.counters.refused == {"replay": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda packet: packet[:-1], "malformed"),
        (lambda packet: bytes([packet[0] ^ 1]) + packet[1:], "malformed"),
        (lambda packet: packet[:-1] + bytes([packet[-1] ^ 1]), "undecryptable"),
        (lambda packet: packet[:2] + bytes(32) + packet[34:], "key"),
        (lambda packet: b"", "malformed"),
    ],
)
async def test_what_cannot_be_peeled_is_counted_and_dropped(
    autojump_clock: MockClock, bench: Bench, change: Callable[[bytes], bytes], reason: str
) -> None:
    async with bench.running():
        bench.router.packet_received(change(bench.deliver(DEPOSIT, b"x")))
    assert bench.counters.refused == {reason: 1}
    assert bench.services.deposits == []


async def test_packets_wait_in_order_while_one_link_is_made(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.dialled[NEXT, 0] = link = FakeLink()
    async with bench.running():
        for _ in range(3):
            bench.router.packet_received(bench.forward())
        await trio.testing.wait_all_tasks_blocked()
        assert bench.links.dials == [(NEXT, 0)]
        assert bench.router.queued_bytes == 3 * SMALL.packet_bytes
        bench.links.answer.set()
        await trio.testing.wait_all_tasks_blocked()
    assert len(link.sent) == 3
    assert bench.counters.forwarded == 3
    assert bench.router.queued_bytes == 0


async def test_the_queue_before_a_link_is_bounded(autojump_clock: MockClock, bench: Bench) -> None:
    room = MEMORY // 4 // SMALL.packet_bytes
    assert room * SMALL.packet_bytes < MAX_TARGET_BYTES
    async with bench.running():
        for _ in range(room + 2):
            bench.router.packet_received(bench.forward())
        assert bench.router.queued_bytes <= MEMORY // 4
    assert bench.counters.refused["queue-full"] == 2


async def test_a_neighbour_that_cannot_be_reached_is_counted(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.answer.set()
    async with bench.running():
        bench.router.packet_received(bench.forward())
        await trio.testing.wait_all_tasks_blocked()
    assert bench.counters.refused == {"unreachable": 1}
    assert bench.router.queued_bytes == 0


async def test_a_full_link_drops_and_counts(autojump_clock: MockClock, bench: Bench) -> None:
    bench.links.live[NEXT, 0] = FakeLink(room=1)
    async with bench.running():
        bench.router.packet_received(bench.forward())
        bench.router.packet_received(bench.forward())
    assert bench.counters.forwarded == 1
    assert bench.counters.refused == {"queue-full": 1}


@pytest.mark.parametrize(("node_id", "reason"), [(b"u" * 32, "unknown"), (OWN, "self")])
async def test_a_next_hop_that_is_nobody_or_this_relay_is_refused(
    autojump_clock: MockClock, bench: Bench, node_id: NodeId, reason: str
) -> None:
    async with bench.running():
        bench.router.packet_received(bench.forward(node_id))
        await trio.testing.wait_all_tasks_blocked()
    assert bench.counters.refused == {reason: 1}
    assert bench.links.dials == []


async def test_a_packet_is_held_as_long_as_its_sender_asked(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.live[NEXT, 0] = link = FakeLink()
    async with bench.running():
        start = trio.current_time()
        bench.router.packet_received(bench.forward(delay_ms=5000))
        bench.router.packet_received(bench.forward(delay_ms=1000))
        bench.router.packet_received(bench.deliver(DEPOSIT, b"late", delay_ms=2000))
        times: list[tuple[float, int, int]] = []
        for second in (0.9, 1.1, 1.9, 2.1, 4.9, 5.1):
            await trio.sleep_until(start + second)
            times.append((second, len(link.sent), len(bench.services.deposits)))
    assert times == [(0.9, 0, 0), (1.1, 1, 0), (1.9, 1, 0), (2.1, 1, 1), (4.9, 1, 1), (5.1, 2, 1)]
    assert bench.counters.delayed == 3


async def test_held_packets_are_bounded(
    autojump_clock: MockClock, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, "MAX_DELAYED_PACKETS", 2)
    bench = Bench()
    async with bench.running():
        for _ in range(3):
            bench.router.packet_received(bench.forward(delay_ms=60_000))
    assert bench.counters.refused == {"delay-full": 1}


async def test_a_compact_ack_leaves_as_one_more_packet(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.links.live[NEXT, 0] = link = FakeLink()
    hops = [bench.hop(NEXT), bench.hop(OWN), bench.hop(NEXT)]
    ack = build_ack(hops, SendId(b"s" * 16), b"t" * 32, entropy)
    async with bench.running():
        bench.forwarder.send_ack(AckRoute(ack.first, ack.lane, ack.blob))
        bench.forwarder.send_ack(AckRoute(NEXT, 0, b"short"))
    assert [len(packet) for packet in link.sent] == [SMALL.packet_bytes]
    found = bench.peeler.peel(link.sent[0], WALL)
    assert isinstance(found, Forward)
    assert found.next_id == OWN
    last = bench.peeler.peel(bench.peeler.peel(found.packet, WALL).packet, WALL)  # type: ignore[union-attr]
    assert isinstance(last, Deliver)
    assert last.payload == b"s" * 16 + b"t" * 32
    assert bench.counters.acks_sent == 1
    assert bench.counters.refused == {"ack": 1}

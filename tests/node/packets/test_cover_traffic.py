"""Ticks: one packet each, at times that nothing but chance decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import trio
from trio.testing import MockClock

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.cover_traffic import CoverTraffic
from zentalk.node.packets.waiting import OutboundPacket, WaitingPackets
from zentalk.node.profiles import Shape
from zentalk.wire.packet_class import PacketClass

GUARDS = [NodeId(bytes([n]) * 32) for n in range(2)]
HOUR = 3600.0
SMALL, LARGE = PacketClass.SMALL, PacketClass.LARGE


@dataclass
class Line:
    """A sender: what waits, what leaves, and what is made up."""

    linked: list[NodeId] = field(default_factory=lambda: list(GUARDS))
    sent: list[tuple[float, NodeId, bytes]] = field(default_factory=list)
    waiting: WaitingPackets = field(default_factory=WaitingPackets)
    path: bool = True

    def put(self, guard: NodeId, packet: bytes, packet_class: PacketClass = SMALL) -> bool:
        waiting = OutboundPacket(guard, packet)
        return self.waiting.put(waiting, packet_class, trio.current_time())

    def connected_guards(self) -> list[NodeId]:
        return self.linked

    def take_waiting(self, guard: NodeId, packet_class: PacketClass) -> OutboundPacket | None:
        return self.waiting.take(guard, packet_class, trio.current_time())

    def make_cover(
        self, guard: NodeId, packet_class: PacketClass, *, loop: bool
    ) -> OutboundPacket | None:
        what = b"loop" if loop else b"large drop" if packet_class is LARGE else b"drop"
        return OutboundPacket(guard, what) if self.path else None

    def leave(self, packet: OutboundPacket) -> bool:
        self.sent.append((trio.current_time(), packet.guard, packet.packet))
        return True

    def kinds(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for _, _, packet in self.sent:
            found[packet] = found.get(packet, 0) + 1
        return found


async def run_for(line: Line, seconds: float, *feeders: Any) -> None:
    cover = CoverTraffic(Runtime.virtual(1, 0.0), Shape(), line)
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cover.run)
            for feeder in feeders:
                nursery.start_soon(feeder)


async def test_an_idle_line_sends_loops_and_drops_at_its_rates(autojump_clock: MockClock) -> None:
    line = Line()
    await run_for(line, HOUR)
    kinds = line.kinds()
    assert 1700 < kinds[b"loop"] + kinds[b"drop"] < 1900
    assert 400 < kinds[b"loop"] < 500
    assert 40 < kinds[b"large drop"] < 80


async def test_mail_takes_the_place_of_drops_and_moves_no_tick(autojump_clock: MockClock) -> None:
    idle, busy = Line(), Line()
    await run_for(idle, HOUR)
    began = trio.current_time()

    async def write() -> None:
        while True:
            # All over one guard: the other carries on with cover, as often as ever.
            while busy.waiting.has_room(SMALL):
                busy.put(GUARDS[1], b"mail")
            busy.put(GUARDS[1], b"large mail", LARGE)
            await trio.sleep(1)

    await run_for(busy, HOUR, write)
    assert [(round(at, 6), guard) for at, guard, _ in idle.sent] == [
        (round(at - began, 6), guard) for at, guard, _ in busy.sent
    ]
    kinds = busy.kinds()
    assert kinds[b"loop"] == idle.kinds()[b"loop"], "however much there is to send, loops go"
    assert {packet for _, guard, packet in busy.sent if guard == GUARDS[1]} <= {
        b"loop",
        b"mail",
        b"large mail",
        b"drop",
    }
    assert kinds[b"mail"] > 600


async def test_control_mail_that_leaves_at_once_moves_what_a_watcher_sees(
    autojump_clock: MockClock,
) -> None:
    idle, busy = Line(), Line()
    await run_for(idle, HOUR)
    began = trio.current_time()

    async def write() -> None:
        while True:
            await trio.sleep(10)
            busy.leave(OutboundPacket(GUARDS[1], b"mail"))

    await run_for(busy, HOUR, write)
    assert len(busy.sent) > len(idle.sent)
    assert {round(at, 6) for at, _, _ in idle.sent} != {
        round(at - began, 6) for at, _, _ in busy.sent
    }


async def test_a_packet_waits_for_the_link_to_its_guard_but_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    line = Line(linked=GUARDS[:1])
    line.put(GUARDS[1], b"first")
    line.put(GUARDS[0], b"second")
    await run_for(line, 60)
    assert b"second" in line.kinds(), "what has its link overtakes what has not"
    assert b"first" not in line.kinds()
    line.linked = GUARDS[1:]
    await run_for(line, 60)
    assert b"first" in line.kinds()
    line.put(GUARDS[0], b"third")
    await run_for(line, 300)
    line.linked = GUARDS
    await run_for(line, 300)
    assert b"third" not in line.kinds()


async def test_without_a_path_nothing_leaves(autojump_clock: MockClock) -> None:
    line = Line(path=False)
    await run_for(line, HOUR)
    assert line.sent == []

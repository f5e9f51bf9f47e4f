"""Ticks: one packet each, at times that nothing but chance decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import trio
from trio.testing import MockClock

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.cover_traffic import MAX_WAITING, ROOM, Cover, CoverPacket
from zentalk.node.profiles import Shape

GUARDS = [NodeId(bytes([n]) * 32) for n in range(2)]
HOUR = 3600.0


@dataclass
class Line:
    """What leaves, and what is made up."""

    linked: list[NodeId] = field(default_factory=lambda: list(GUARDS))
    sent: list[tuple[float, NodeId, bytes]] = field(default_factory=list)
    path: bool = True

    def cover(self, seed: int = 1) -> Cover:
        runtime = Runtime.virtual(seed, 0.0)
        return Cover(runtime, Shape(), guards=lambda: self.linked, send=self._send, make=self._make)

    def _send(self, guard: NodeId, packet: bytes) -> bool:
        self.sent.append((trio.current_time(), guard, packet))
        return True

    def _make(self, guard: NodeId, large: bool, is_loop: bool) -> CoverPacket | None:
        what = b"loop" if is_loop else b"large drop" if large else b"drop"
        return CoverPacket(guard, what) if self.path else None

    def kinds(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for _, _, packet in self.sent:
            found[packet] = found.get(packet, 0) + 1
        return found


async def run_for(cover: Cover, seconds: float, *feeders: Any) -> None:
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cover.run)
            for feeder in feeders:
                nursery.start_soon(feeder)


async def test_an_idle_line_sends_loops_and_drops_at_its_rates(autojump_clock: MockClock) -> None:
    line = Line()
    await run_for(line.cover(), HOUR)
    kinds = line.kinds()
    assert 1700 < kinds[b"loop"] + kinds[b"drop"] < 1900
    assert 400 < kinds[b"loop"] < 500
    assert 40 < kinds[b"large drop"] < 80


async def test_mail_takes_the_place_of_drops_and_moves_no_tick(autojump_clock: MockClock) -> None:
    idle, busy = Line(), Line()
    await run_for(idle.cover(), HOUR)
    began = trio.current_time()
    cover = busy.cover()

    async def write() -> None:
        while True:
            # All over one guard: the other carries on with cover, as often as ever.
            while cover.has_room(large=False):
                cover.put(CoverPacket(GUARDS[1], b"mail"), large=False)
            cover.put(CoverPacket(GUARDS[1], b"large mail"), large=True)
            await trio.sleep(1)

    await run_for(cover, HOUR, write)
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
    await run_for(idle.cover(), HOUR)
    began = trio.current_time()

    async def write() -> None:
        while True:
            await trio.sleep(10)
            busy._send(GUARDS[1], b"mail")

    await run_for(busy.cover(), HOUR, write)
    assert len(busy.sent) > len(idle.sent)
    assert {round(at, 6) for at, _, _ in idle.sent} != {
        round(at - began, 6) for at, _, _ in busy.sent
    }


async def test_a_packet_waits_for_the_link_to_its_guard_but_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    line = Line(linked=GUARDS[:1])
    cover = line.cover()
    left: list[bytes] = []
    cover.put(CoverPacket(GUARDS[1], b"first", lambda: left.append(b"first")), large=False)
    cover.put(CoverPacket(GUARDS[0], b"second", lambda: left.append(b"second")), large=False)
    await run_for(cover, 60)
    assert left == [b"second"], "what has its link overtakes what has not"
    line.linked = GUARDS[1:]
    await run_for(cover, 60)
    assert left == [b"second", b"first"]
    cover.put(CoverPacket(GUARDS[0], b"third", lambda: left.append(b"third")), large=False)
    await run_for(cover, 300)
    line.linked = GUARDS
    await run_for(cover, 300)
    assert b"third" not in left


async def test_without_a_path_nothing_leaves(autojump_clock: MockClock) -> None:
    line = Line(path=False)
    await run_for(line.cover(), HOUR)
    assert line.sent == []


async def test_what_waits_is_bounded(autojump_clock: MockClock) -> None:
    cover = Line().cover()
    taken = sum(cover.put(CoverPacket(GUARDS[0], b""), large=False) for _ in range(2 * MAX_WAITING))
    assert taken == MAX_WAITING
    assert not cover.has_room(large=False)
    assert cover.has_room(large=True)
    for _ in range(ROOM[True]):
        cover.put(CoverPacket(GUARDS[0], b""), large=True)
    assert not cover.has_room(large=True)

"""Packets that wait for a tick: bounded, in order, each bound to its guard."""

from zentalk.ids import NodeId
from zentalk.node.packets.waiting import (
    KEPT_SECONDS,
    MAX_WAITING,
    ROOM,
    OutboundPacket,
    WaitingPackets,
)
from zentalk.wire.packet_class import PacketClass

GUARDS = [NodeId(bytes([n]) * 32) for n in range(2)]
SMALL, LARGE = PacketClass.SMALL, PacketClass.LARGE


def test_what_waits_is_bounded() -> None:
    waiting = WaitingPackets()
    packet = OutboundPacket(GUARDS[0], b"")
    taken = sum(waiting.put(packet, SMALL, 0.0) for _ in range(2 * MAX_WAITING))
    assert taken == MAX_WAITING
    assert not waiting.has_room(SMALL)
    assert waiting.has_room(LARGE)
    for _ in range(ROOM[LARGE]):
        waiting.put(packet, LARGE, 0.0)
    assert not waiting.has_room(LARGE)


def test_the_first_for_a_guard_goes_first_and_old_ones_go_nowhere() -> None:
    waiting = WaitingPackets()
    for guard, packet, since in ((0, b"old", 0.0), (1, b"a", 1.0), (1, b"b", 2.0)):
        waiting.put(OutboundPacket(GUARDS[guard], packet), SMALL, since)
    later = KEPT_SECONDS + 0.5
    first, second = (waiting.take(GUARDS[1], SMALL, later) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.packet, second.packet) == (b"a", b"b")
    assert waiting.take(GUARDS[0], SMALL, later) is None
    assert waiting.take(GUARDS[1], LARGE, later) is None

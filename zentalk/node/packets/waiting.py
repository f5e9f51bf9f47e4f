"""Packets that wait for a tick of cover traffic.

Spec: docs/spec/onion.md section 13. A packet is bound to its guard, and leaves in the place of
cover. It must never decide when anything leaves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import NodeId
from zentalk.wire.packet_class import PacketClass

ROOM: Final = {PacketClass.SMALL: 8, PacketClass.LARGE: 2}
"""Packets of a class that may wait; a caller that has more keeps them and tries again."""
MAX_WAITING: Final = 64
"""At this many packets of a class the next one is refused."""
KEPT_SECONDS: Final = 120.0
"""A packet is bound to its guard; after this long without a link it is dropped and repeated."""


@dataclass(frozen=True, slots=True)
class OutboundPacket:
    """A wrapped packet for a guard, its hops, and the token that shows its fate, if it has one.

    The token comes back over `ack_hops`, or over `hops` themselves if it is a loop's.
    """

    guard: NodeId
    packet: bytes = field(repr=False)
    hops: tuple[NodeId, ...] = ()
    token: bytes | None = field(default=None, repr=False)
    ack_hops: tuple[NodeId, ...] = ()
    is_loop: bool = False


class WaitingPackets:
    """One queue for each packet class; times are monotonic seconds."""

    def __init__(self) -> None:
        self._queues: dict[PacketClass, deque[tuple[OutboundPacket, float]]] = {
            packet_class: deque() for packet_class in PacketClass
        }

    def has_room(self, packet_class: PacketClass) -> bool:
        """Tell whether one more packet of a class should be made now."""
        return len(self._queues[packet_class]) < ROOM[packet_class]

    def put(self, packet: OutboundPacket, packet_class: PacketClass, now: float) -> bool:
        """Let a packet wait for its tick; False if too many do."""
        queue = self._queues[packet_class]
        if len(queue) >= MAX_WAITING:
            return False
        queue.append((packet, now))
        return True

    def take(self, guard: NodeId, packet_class: PacketClass, now: float) -> OutboundPacket | None:
        """Return the first packet that waits for a guard, and drop what has waited too long."""
        queue = self._queues[packet_class]
        for waiting in list(queue):
            packet, since = waiting
            if packet.guard == guard:
                queue.remove(waiting)
                return packet
            if since < now - KEPT_SECONDS:
                queue.remove(waiting)
        return None

"""Cover traffic: one packet at each tick, whether there is mail or not.

Spec: docs/spec/onion.md section 13. Gaps are exponential and come from an entropy stream
of their own, so nothing that happens here, no message, ack or retry, can move a tick or choose its
guard. What waits for that guard goes first, one in four is a loop in any case, and the rest
is made up. It must never send outside a tick, and never let a tick pass because there is
nothing to send.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio

from zentalk.ids import NodeId
from zentalk.net.backoff import exponential
from zentalk.net.runtime import Runtime
from zentalk.node.packets.waiting import OutboundPacket
from zentalk.node.profiles import Shape
from zentalk.onion.draw import below, pick
from zentalk.wire.packet_class import PacketClass


class TickedSender(Protocol):
    """What a tick needs of the sender of packets."""

    def connected_guards(self) -> Sequence[NodeId]:
        """Return the guards with a live link."""
        ...

    def take_waiting(self, guard: NodeId, packet_class: PacketClass) -> OutboundPacket | None:
        """Return the packet that has waited longest for a guard, if there is one."""
        ...

    def make_cover(
        self, guard: NodeId, packet_class: PacketClass, *, loop: bool
    ) -> OutboundPacket | None:
        """Return a loop or a packet that is dropped at its end; None if there is no path."""
        ...

    def leave(self, packet: OutboundPacket) -> bool:
        """Hand a packet to the link of its guard; False if it cannot go."""
        ...


class CoverTraffic:
    """Ticks of both packet classes; `run` must be running for anything to leave."""

    def __init__(self, runtime: Runtime, shape: Shape, sender: TickedSender) -> None:
        self._runtime = runtime
        self._shape = shape
        self._sender = sender

    async def run(self) -> None:
        """Tick until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ticks, PacketClass.SMALL, self._shape.packet_seconds)
            nursery.start_soon(self._ticks, PacketClass.LARGE, self._shape.large_packet_seconds)

    async def _ticks(self, packet_class: PacketClass, mean_seconds: float) -> None:
        entropy = self._runtime.for_part(f"ticks {packet_class.is_large}").entropy
        at = self._runtime.monotonic()
        while True:
            at += exponential(mean_seconds, entropy)
            # After a sleep of the whole machine what was missed is not made up for.
            at = max(at, self._runtime.monotonic())
            await trio.sleep(at - self._runtime.monotonic())
            loop = not packet_class.is_large and below(self._shape.loop_every, entropy) == 0
            guards = self._sender.connected_guards()
            if guards:
                self._tick(pick(guards, entropy), packet_class, loop=loop)

    def _tick(self, guard: NodeId, packet_class: PacketClass, *, loop: bool) -> None:
        packet = None if loop else self._sender.take_waiting(guard, packet_class)
        packet = packet or self._sender.make_cover(guard, packet_class, loop=loop)
        if packet is not None:
            self._sender.leave(packet)

"""Packets on their way out: to a link of the next relay, or to the queue before one.

Spec: docs/spec/onion.md section 7. Nothing is acknowledged and nothing is answered: what cannot
be sent is dropped and counted.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import trio

from zentalk.errors import RELAY_FAULTS, RemoteProtocolError
from zentalk.ids import NodeId
from zentalk.onion.ack import expand_ack
from zentalk.relay.forwarding.send_queues import MAX_TARGET_BYTES, SendQueues
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.metrics import Counters, contained
from zentalk.wire.deposit import AckRoute

PACKET_BUG: Final = "packet_dropped_by_a_bug"


class RelayLane(NamedTuple):
    """The next place of a packet: a relay and one of its lanes."""

    node_id: NodeId
    lane: int


class PacketSink(Protocol):
    """A link as the router sees it (`zentalk.net.connection.Connection`)."""

    def send_packet(self, packet: bytes) -> bool:
        """Queue a packet; False if the link's queue is full."""
        ...


class NextHopLinks(Protocol):
    """Links to other relays as the router sees them (`RelayLinks`)."""

    def linked(self, node_id: NodeId, lane: int = 0) -> PacketSink | None:
        """Return a live link, None if there is none."""
        ...

    def knows(self, node_id: NodeId, lane: int = 0) -> bool:
        """Tell whether there is an address to dial."""
        ...

    async def get(self, node_id: NodeId, lane: int = 0) -> PacketSink:
        """Return a live link, dialling if there is none."""
        ...


class Forwarder:
    """Sends packets to other relays; `run` must be running to dial one that is not linked.

    `account` counts the packets that wait for a link.
    """

    def __init__(
        self, node_id: NodeId, links: NextHopLinks, counters: Counters, account: BudgetAccount
    ) -> None:
        self.node_id = node_id
        self._links = links
        self._counters = counters
        self._queues: SendQueues[RelayLane] = SendQueues(MAX_TARGET_BYTES, account)
        self._nursery: trio.Nursery | None = None

    @property
    def queued_bytes(self) -> int:
        """Return what waits for links that are being made."""
        return self._queues.size_bytes

    async def run(self) -> None:
        """Carry the dials, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def send_ack(self, route: AckRoute) -> None:
        """Send the compact ack that came with a deposit, as one more packet."""
        try:
            packet = expand_ack(route.blob)
        except RemoteProtocolError:
            self._counters.refuse("ack")
            return
        if self.send(RelayLane(route.first, route.lane), packet):
            self._counters.acks_sent += 1

    def send(self, target: RelayLane, packet: bytes) -> bool:
        """Hand a packet to a link or to the queue before it; False if it was dropped."""
        if target.node_id == self.node_id:
            return self._drop("self")
        if target in self._queues:
            return self._queues.add(target, packet) or self._drop("queue-full")
        link = self._links.linked(target.node_id, target.lane)
        if link is not None:
            return link.send_packet(packet) or self._drop("queue-full")
        if self._nursery is None or not self._links.knows(target.node_id, target.lane):
            return self._drop("unknown")
        self._queues.open(target)
        self._nursery.start_soon(self._dial_and_flush, target)
        return self._queues.add(target, packet) or self._drop("queue-full")

    async def _dial_and_flush(self, target: RelayLane) -> None:
        with contained(self._counters, PACKET_BUG):
            await self._dial(target)

    async def _dial(self, target: RelayLane) -> None:
        try:
            link = await self._links.get(target.node_id, target.lane)
        except RELAY_FAULTS:
            self._counters.refuse("unreachable", len(self._queues.close(target)))
            return
        except BaseException:
            self._queues.close(target)
            raise
        for packet in self._queues.close(target):
            if not link.send_packet(packet):
                self._counters.refuse("queue-full")

    def _drop(self, reason: str) -> bool:
        self._counters.refuse(reason)
        return False

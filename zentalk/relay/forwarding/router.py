"""Packets in, packets and deliveries out: peel, hold if asked to, hand on.

Spec: docs/spec/onion.md section 6. Everything that is refused is counted by reason and
dropped in silence. Nothing here waits on a neighbour, and no packet is ever stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import trio

from zentalk.errors import RELAY_FAULTS, RefusedError, RemoteProtocolError
from zentalk.ids import NodeId
from zentalk.link.account import Account
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.onion.ack import expand_ack
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, Deliver, Forward
from zentalk.onion.peel import Peeler
from zentalk.relay.containment import contained
from zentalk.relay.forwarding.delay_queue import HELD_COST_BYTES, MAX_DELAYED_PACKETS, DelayQueue
from zentalk.relay.forwarding.send_queues import MAX_TARGET_BYTES, Outboxes
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.metrics import Counters
from zentalk.wire.deposit import AckRoute

QUEUE_SHARE: Final = 0.25
_PACKET_MISTAKE: Final = "packet_dropped_by_a_mistake"
_MS: Final = 1000.0


class NextHop(NamedTuple):
    """Where a packet goes next: a relay and one of its lanes."""

    node_id: NodeId
    lane: int


class _Held(NamedTuple):
    """A packet that waits for its time, and the account of the link that brought it."""

    found: Forward | Deliver
    size_bytes: int
    account: Account


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


class Services(Protocol):
    """What the last relay of a path does (`MailboxService`)."""

    def deposit(self, payload: bytes) -> None:
        """Take a sealed envelope for one send id."""
        ...

    def ack_token(self, payload: bytes) -> None:
        """Take a token for an ack send id."""
        ...


class Router:
    """All packets of one relay; `run` must be running for any of them to leave.

    `peelers` has one entry per lane. A quarter of the budget at most is for packets that
    wait for a link; those that their senders want held count for the link that brought them.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        node_id: NodeId,
        peelers: Sequence[Peeler],
        links: NextHopLinks,
        services: Services,
        counters: Counters,
        budget: MemoryBudget,
    ) -> None:
        self._runtime = runtime
        self._node_id = node_id
        self._peelers = peelers
        self._links = links
        self._services = services
        self._counters = counters
        self._delayed: DelayQueue[_Held] = DelayQueue(MAX_DELAYED_PACKETS, budget.total_bytes)
        self._unknown = budget.account()
        self._outboxes: Outboxes[NextHop] = Outboxes(
            MAX_TARGET_BYTES, budget.account(QUEUE_SHARE, greedy=False)
        )
        self._nursery: trio.Nursery | None = None
        self._earlier = Signal()

    @property
    def queued_bytes(self) -> int:
        """Return what is held in memory for later."""
        return self._delayed.size_bytes + self._outboxes.size_bytes

    async def run(self) -> None:
        """Send held packets when they are due, and dial for the others, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._send_delayed()
            finally:
                self._nursery = None

    def packet_received(self, packet: bytes, lane: int = 0, account: Account | None = None) -> None:
        """Handle one packet from a neighbour; never raises for what it holds.

        What has to be held is counted in the account of the link that brought it.
        """
        try:
            found = self._peelers[lane].peel(packet, self._runtime.wall())
        except PacketRefusedError as refusal:
            self._counters.refuse(refusal.reason)
            return
        if found.delay_ms == 0:
            self._act(found)
        else:
            self._hold(found, account or self._unknown)

    def send_ack(self, route: AckRoute) -> None:
        """Send the compact ack that came with a deposit, as one more packet."""
        try:
            packet = expand_ack(route.blob)
        except RemoteProtocolError:
            self._counters.refuse("ack")
            return
        if self._send(NextHop(route.first, route.lane), packet):
            self._counters.acks_sent += 1

    def _hold(self, found: Forward | Deliver, account: Account) -> None:
        due = self._runtime.monotonic() + found.delay_ms / _MS
        content = found.packet if isinstance(found, Forward) else found.payload
        deadline = self._delayed.next_deadline()
        size = len(content) + HELD_COST_BYTES
        if not account.has_room(size):
            self._counters.refuse("memory-packet")
            return
        if not self._delayed.push(due, _Held(found, size, account), size):
            self._counters.refuse("delay-full")
            return
        account.add(size)
        self._counters.delayed += 1
        if deadline is None or due < deadline:
            self._earlier.set()

    async def _send_delayed(self) -> None:
        while True:
            deadline = self._delayed.next_deadline()
            wait = math.inf if deadline is None else deadline - self._runtime.monotonic()
            await self._earlier.wait(wait)
            for held in self._delayed.pop_due(self._runtime.monotonic()):
                held.account.give(held.size_bytes)
                with contained(self._counters, _PACKET_MISTAKE):
                    self._act(held.found)

    def _act(self, found: Forward | Deliver) -> None:
        if isinstance(found, Deliver):
            self._deliver(found)
        elif self._send(NextHop(found.next_id, found.lane), found.packet):
            self._counters.forwarded += 1

    def _deliver(self, found: Deliver) -> None:
        try:
            if found.service == DEPOSIT:
                self._services.deposit(found.payload)
                self._counters.deposited += 1
            elif found.service == ACK_TOKEN:
                self._services.ack_token(found.payload)
                self._counters.tokens += 1
            else:
                self._counters.cover += 1
        except RefusedError as refusal:
            self._counters.refuse(refusal.reason)
            return
        except RemoteProtocolError:
            self._counters.refuse("payload")
            return
        self._counters.delivered += 1

    def _send(self, target: NextHop, packet: bytes) -> bool:
        """Hand a packet to a link or to the queue before it; False if it was dropped."""
        if target.node_id == self._node_id:
            return self._drop("self")
        if target in self._outboxes:
            return self._outboxes.add(target, packet) or self._drop("queue-full")
        link = self._links.linked(target.node_id, target.lane)
        if link is not None:
            return link.send_packet(packet) or self._drop("queue-full")
        if self._nursery is None or not self._links.knows(target.node_id, target.lane):
            return self._drop("unknown")
        self._outboxes.open(target)
        self._nursery.start_soon(self._dial_and_flush, target)
        return self._outboxes.add(target, packet) or self._drop("queue-full")

    async def _dial_and_flush(self, target: NextHop) -> None:
        with contained(self._counters, _PACKET_MISTAKE):
            await self._dial(target)

    async def _dial(self, target: NextHop) -> None:
        try:
            link = await self._links.get(target.node_id, target.lane)
        except RELAY_FAULTS:
            self._counters.refuse("unreachable", len(self._outboxes.close(target)))
            return
        except BaseException:
            self._outboxes.close(target)
            raise
        for packet in self._outboxes.close(target):
            if not link.send_packet(packet):
                self._counters.refuse("queue-full")

    def _drop(self, reason: str) -> bool:
        self._counters.refuse(reason)
        return False

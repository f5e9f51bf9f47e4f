"""A relay under backlog: all it does to a packet, against peeling alone.

The whole path is what the relay's own code does between two sockets: open the records of a link
from a relay, peel with replay check, pick the next link, queue, seal records for it. Each round
times both sides on fresh packets by CPU time. Two lanes against one is missing: a lane is a port
with its own mix key in one process so far, and only processes would make it faster.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from benchmarks.rounds import Row, ratio_row, skipped_row
from zentalk.crypto.noise import CounterCipher
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId
from zentalk.link.traffic import Traffic
from zentalk.net.runtime import Runtime
from zentalk.net.transport import READ_BYTES
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DROP, DeliveryPlaintext, Hop
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import wrap
from zentalk.relay.forwarding.forwarder import Forwarder
from zentalk.relay.forwarding.router import Router
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.metrics import Counters
from zentalk.wire.frames import Packet

EPOCH = Epoch(472_223)
WALL = float(EPOCH * EPOCH_SECONDS + 60)
NEIGHBOURS = 4
PACKETS = 200
ROUNDS = 25
TARGET = 1.6


def rows() -> list[Row]:
    """Each row: name, median ratio, spread (the middle half) and target, or why it is skipped."""
    reason = "lanes are ports of one process so far"
    return [
        ratio_row("relay, backlog, whole path / peel alone", TARGET, one_round, ROUNDS),
        skipped_row("relay, 2 lanes on 2 cores / 1 lane", 1.6, reason),
    ]


def one_round(seconds: Callable[[Callable[[], None]], float]) -> float:
    relay = OneRelay()
    reads = relay.reads(relay.packets())
    packets = relay.packets()
    whole = seconds(lambda: relay.forward(reads))
    assert relay.counters.forwarded == PACKETS
    return whole / seconds(lambda: relay.peel(packets))


def link() -> tuple[Traffic, Traffic]:
    """Return both ends of an open link of two relays."""
    there, back = os.urandom(32), os.urandom(32)
    dialler = Traffic(
        (CounterCipher(there), CounterCipher(back)), initiator=True, fixed_units=False, depth=0
    )
    dialled = Traffic(
        (CounterCipher(back), CounterCipher(there)), initiator=False, fixed_units=False, depth=0
    )
    return dialler, dialled


class OneRelay:
    """One relay between a neighbour that sends and others that packets go on to."""

    def __init__(self) -> None:
        self.peeler = Peeler()
        self.peeler.rotate(WALL, os.urandom)
        self.before, self.incoming = link()
        self.next = {NodeId(os.urandom(32)): link()[0] for _ in range(NEIGHBOURS)}
        self.counters = Counters()
        runtime = Runtime.virtual(0, WALL)
        budget = MemoryBudget(1 << 28)
        self.router = Router(
            Runtime(lambda: 0.0, lambda: WALL, os.urandom, runtime.run_blocking),
            [self.peeler],
            Forwarder(NodeId(bytes(32)), self, self.counters, budget.account()),
            self,
            self.counters,
            budget,
        )

    def packets(self) -> list[bytes]:
        """Return packets with this relay as their first."""
        mix_key = self.peeler.keys_for_descriptor(EPOCH)[0]
        first = Hop(NodeId(bytes(32)), mix_key, EPOCH)
        made = []
        for number in range(PACKETS):
            neighbours = list(self.next)
            middle = Hop(neighbours[number % NEIGHBOURS], mix_key, EPOCH)
            last = Hop(neighbours[(number + 1) % NEIGHBOURS], mix_key, EPOCH)
            hops = [first, middle, last]
            made.append(wrap(SMALL, hops, DeliveryPlaintext(DROP, b""), os.urandom))
        return made

    def reads(self, packets: Sequence[bytes]) -> list[bytes]:
        """Return what the socket of the link with these packets gives, read by read."""
        for packet in packets:
            self.before.send_packet(packet)
        wire = b"".join(iter(self.before.data_to_send, b""))
        return [wire[at : at + READ_BYTES] for at in range(0, len(wire), READ_BYTES)]

    def forward(self, reads: Sequence[bytes]) -> None:
        for data in reads:
            for event in self.incoming.receive(data):
                assert type(event) is Packet
                self.router.packet_received(event.packet)
            for traffic in self.next.values():
                while traffic.data_to_send():
                    pass

    def peel(self, packets: Sequence[bytes]) -> None:
        for packet in packets:
            self.peeler.peel(packet, WALL)

    # What the router sees of links and services.

    def linked(self, node_id: NodeId, _lane: int = 0) -> Traffic | None:
        return self.next.get(node_id)

    def knows(self, node_id: NodeId, _lane: int = 0) -> bool:
        return node_id in self.next

    async def get(self, node_id: NodeId, _lane: int = 0) -> Traffic:
        return self.next[node_id]

    def deposit(self, _payload: bytes) -> None:
        raise AssertionError

    def ack_token(self, _payload: bytes) -> None:
        raise AssertionError

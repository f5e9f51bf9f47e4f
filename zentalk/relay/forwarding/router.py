"""Packets in, packets and deliveries out: peel, hold if asked to, hand on.

Spec: docs/spec/onion.md section 6. Everything that is refused is counted by reason and
dropped in silence. Nothing here waits on a neighbour, and no packet is ever stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from zentalk.link.outbox import Account
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, Deliver, Forward
from zentalk.onion.peel import Peeler
from zentalk.relay.forwarding.delay_queue import HELD_COST_BYTES, MAX_DELAYED_PACKETS, DelayQueue
from zentalk.relay.forwarding.forwarder import PACKET_BUG, Forwarder, RelayLane
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.metrics import Counters, contained

_MS: Final = 1000.0


class _Held(NamedTuple):
    """A packet that waits for its time, and the account of the link that brought it."""

    found: Forward | Deliver
    size_bytes: int
    account: Account


class Services(Protocol):
    """The services of the last relay of a path (`MailboxService`), which count for themselves."""

    def deposit(self, payload: bytes) -> None:
        """Take a sealed envelope for one send id, or count why not."""
        ...

    def ack_token(self, payload: bytes) -> None:
        """Take a token for an ack send id, or count why not."""
        ...


class Router:
    """All packets that come in; `run` must be running for those that are held to go on.

    `peelers` has one entry per lane. Packets that their senders want held count for the link
    that brought them.
    """

    def __init__(
        self,
        runtime: Runtime,
        peelers: Sequence[Peeler],
        forwarder: Forwarder,
        services: Services,
        counters: Counters,
        budget: MemoryBudget,
    ) -> None:
        self._runtime = runtime
        self._peelers = peelers
        self._forwarder = forwarder
        self._services = services
        self._counters = counters
        self._delayed: DelayQueue[_Held] = DelayQueue(MAX_DELAYED_PACKETS, budget.total_bytes)
        self._unknown = budget.account()
        self._earlier = Signal()

    @property
    def queued_bytes(self) -> int:
        """Return what is held in memory for later."""
        return self._delayed.size_bytes + self._forwarder.queued_bytes

    async def run(self) -> None:
        """Send held packets when they are due, until cancelled."""
        while True:
            deadline = self._delayed.next_deadline()
            wait = math.inf if deadline is None else deadline - self._runtime.monotonic()
            await self._earlier.wait(wait)
            for held in self._delayed.pop_due(self._runtime.monotonic()):
                held.account.release(held.size_bytes)
                with contained(self._counters, PACKET_BUG):
                    self._act(held.found)

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

    def _act(self, found: Forward | Deliver) -> None:
        if isinstance(found, Deliver):
            self._deliver(found)
        elif self._forwarder.send(RelayLane(found.next_id, found.lane), found.packet):
            self._counters.forwarded += 1

    def _deliver(self, found: Deliver) -> None:
        if found.service == DEPOSIT:
            self._services.deposit(found.payload)
        elif found.service == ACK_TOKEN:
            self._services.ack_token(found.payload)
        else:
            self._counters.cover += 1

"""Bounds the connections of a relay, and says which one makes room for another.

Spec: docs/spec/link.md section 11.1. Plain synchronous code. Shares are those of sources, never
of people. When everything is taken, whoever has most gives way to whoever has less; only among
sources that have as little as each other do idle links make room, and never those of relays or
those that carry streams.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, deque
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Final, Protocol

from zentalk.relay.links.memory_budget import MemoryBudget

SURE_PER_SOURCE: Final = 64
"""Connections of one IPv4 address, or one IPv6 /48: a household or a machine. A campus behind one
address may have more while fewer than half of all are taken."""
SURE_PER_SUBNET: Final = 512
"""The same for one IPv4 /24."""
CONNECTION_BYTES: Final = 32 * 1024
"""Bytes of a connection without its queues, which are counted byte by byte: its tasks, keys and
buffers, measured."""
RESERVED_PART: Final = 0.25
"""The share of the budget that is there for connections, whatever else takes memory."""
_MAIN: Final = "main"
_PLACES_KEPT: Final = 4096
"""Addresses whose place is remembered: a crowd comes from the same ones again and again."""


class Idle(Protocol):
    """The part of an open link that decides whether it makes room (`zentalk.net.connection`)."""

    @property
    def is_clients(self) -> bool:
        """Whether it is a client's link."""
        ...

    @property
    def may_be_evicted(self) -> bool:
        """Whether it is a client's link without streams."""
        ...

    @property
    def last_used(self) -> float:
        """The monotonic time at which something was last done on it."""
        ...


class ConnectionSlot:
    """One connection that was admitted."""

    __slots__ = ("_leave", "source", "subnet")

    def __init__(self, source: Hashable, subnet: Hashable, leave: Callable[[], None]) -> None:
        self.source = source
        """The source, which connections from the same place share."""
        self.subnet = subnet
        self._leave = leave

    def end(self) -> None:
        """Make its connection end."""
        self._leave()


class Admission:
    """Counts what is open, and refuses or makes room when that is too much.

    `network` decides whether loopback addresses and names that are not addresses (the
    in-memory network) count as one source: only in `main`.
    """

    __slots__ = (
        "_budget",
        "_exempt",
        "_idle",
        "_max_connections",
        "_memory",
        "_open",
        "_shaking",
        "_sources",
        "_subnets",
        "evicted",
    )

    def __init__(self, network: str, max_connections: int, budget: MemoryBudget) -> None:
        self._exempt = network != _MAIN
        self._max_connections = max_connections
        self._budget = budget
        self._memory = budget.account(share=1.0, greedy=False, reserved=RESERVED_PART)
        # Ordered, unlike sets: the oldest comes first, the youngest last.
        self._sources: dict[Hashable, dict[ConnectionSlot, None]] = {}
        self._subnets: Counter[Hashable] = Counter()
        self._shaking: dict[ConnectionSlot, None] = {}
        self._open: dict[ConnectionSlot, Idle] = {}
        self._idle: deque[tuple[float, ConnectionSlot]] = deque()
        self.evicted = 0
        """Connections that were ended to make room for others, since the start."""

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._shaking) + len(self._open)

    def limit(self, max_connections: int) -> None:
        """Admit up to that many from now on; those that are open stay."""
        self._max_connections = max_connections

    def enter(self, source: str, leave: Callable[[], None]) -> ConnectionSlot | str:
        """Admit a connection, or return in a fixed word why not.

        A relay that is full ends another connection, by calling the `leave` that came with it.
        Give the slot back with `leave`.
        """
        place, subnet = self._places(source)
        held = len(self._sources.get(place, ()))
        if 2 * self.connections >= self._max_connections:
            if held >= SURE_PER_SOURCE:
                return "source"
            if self._subnets[subnet] >= SURE_PER_SUBNET:
                return "subnet"
        if self.connections >= self._max_connections and not self._evict(held):
            return "connections"
        if not self._has_memory and not self._evict(held):
            return "memory"
        slot = ConnectionSlot(place, subnet, leave)
        self._shaking[slot] = None
        self._sources.setdefault(place, {})[slot] = None
        self._subnets[subnet] += 1
        self._memory.add(CONNECTION_BYTES)
        return slot

    @property
    def _has_memory(self) -> bool:
        return bool(self._memory.unused_reserve_bytes) or self._budget.takes_connections

    def opened(self, slot: ConnectionSlot, link: Idle) -> None:
        """Note that the handshake of a slot is done; nothing if it was taken away."""
        if slot in self._shaking:
            del self._shaking[slot]
            self._open[slot] = link

    def leave(self, slot: ConnectionSlot) -> None:
        """Give back a slot; nothing if it was taken away already."""
        if slot in self._shaking:
            del self._shaking[slot]
        elif self._open.pop(slot, None) is None:
            return
        self._memory.release(CONNECTION_BYTES)
        slots = self._sources[slot.source]
        del slots[slot]
        if not slots:
            del self._sources[slot.source]
        self._subnets[slot.subnet] -= 1
        if not self._subnets[slot.subnet]:
            del self._subnets[slot.subnet]

    def _evict(self, held: int) -> bool:
        """End a connection for one of a source that has `held` already.

        That is one of whoever has most; where nobody has more, the oldest handshake that is
        not done, or else the link that idles for longest. Where nobody has more than `held` no
        link is looked at: a crowd that is refused must not cost a look at all links each time.
        """
        if not any(len(slots) > held for slots in self._sources.values()):
            return False
        doomed = self._of_the_greediest(held) or self._stalled(held) or self._most_idle(held)
        if doomed is None:
            return False
        self.leave(doomed)
        self.evicted += 1
        doomed.end()
        return True

    def _of_the_greediest(self, held: int) -> ConnectionSlot | None:
        """Return the youngest connection of the source that has most, if that is more than ours.

        Within what is sure, links of relays are no client's to take.
        """
        slots = max(self._sources.values(), key=len, default={})
        if len(slots) < held + 2:
            return None
        youngest = reversed(slots)
        if len(slots) > SURE_PER_SOURCE:
            return next(youngest)
        return next((slot for slot in youngest if not self._is_of_a_relay(slot)), None)

    def _is_of_a_relay(self, slot: ConnectionSlot) -> bool:
        link = self._open.get(slot)
        return link is not None and not link.is_clients

    def _stalled(self, held: int) -> ConnectionSlot | None:
        return next((slot for slot in self._shaking if self._may_lose(slot, held)), None)

    def _most_idle(self, held: int) -> ConnectionSlot | None:
        """Return the link that was used least recently of those that may go.

        They are put in order only when the last order is used up: who was used since has
        lost its place in it, and nobody can have come before the others.
        """
        for fresh in (False, True):
            if fresh:
                links = [
                    (link.last_used, slot)
                    for slot, link in self._open.items()
                    if link.may_be_evicted and self._may_lose(slot, held)
                ]
                self._idle.extend(sorted(links, key=lambda item: item[0]))
            while self._idle:
                last_used, slot = self._idle.popleft()
                link = self._open.get(slot)
                if link is None or not link.may_be_evicted or link.last_used != last_used:
                    continue
                if self._may_lose(slot, held):
                    return slot
        return None

    def _may_lose(self, slot: ConnectionSlot, held: int) -> bool:
        """Whoever comes back again and again takes places of its own, and nobody else's."""
        return len(self._sources[slot.source]) > held

    def _places(self, source: str) -> tuple[Hashable, Hashable]:
        """Return what a connection has in common with others; nothing if it is exempt."""
        if self._is_exempt(source):
            return object(), object()
        return _places(source)

    def _is_exempt(self, source: str) -> bool:
        if not self._exempt:
            return False
        try:
            return ipaddress.ip_address(source).is_loopback
        except ValueError:
            return True


def place_of(host: str) -> str:
    """Return what counts as one source with links from a host, as `Connection.origin` says it."""
    return _places(host.strip("[]"))[0]


@lru_cache(maxsize=_PLACES_KEPT)
def _places(source: str) -> tuple[str, str]:
    """Return what counts as one source, and the subnet it is in."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source, f"{source}/subnet"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    lengths = (32, 24) if address.version == 4 else (48, 48)
    host, subnet = (str(ipaddress.ip_network((address, n), strict=False)) for n in lengths)
    return host, subnet

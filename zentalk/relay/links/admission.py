"""How many connections and streams a relay carries, and which one makes room for another.

Spec: docs/spec/link.md section 11. Plain synchronous code. Caps count sources of
connections, never people: many people may share a guard, and so streams have no cap per
source. Links of relays, and links that carry streams, are never given up for others.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from zentalk.relay.links.memory_budget import MemoryBudget

MAX_PER_SOURCE: Final = 64
"""Of one IPv4 address, or one IPv6 /64: what a household or a machine has."""
MAX_PER_SUBNET: Final = 512
"""Of one IPv4 /24 or IPv6 /48."""
MAX_STREAMS: Final = 4096
CONNECTION_BYTES: Final = 32 * 1024
"""What a connection or stream takes without its queues, which are counted byte by byte: its
tasks, keys and buffers, measured."""
_MAIN: Final = "main"


class Idle(Protocol):
    """What of an open link decides whether it makes room (`zentalk.net.connection`)."""

    @property
    def may_be_evicted(self) -> bool:
        """Whether it is a client's link without streams."""
        ...

    @property
    def last_used(self) -> float:
        """When something was last done on it, monotonic."""
        ...


class ConnectionSlot:
    """One connection that was admitted."""

    __slots__ = ("_leave", "source", "subnet")

    def __init__(self, source: str, subnet: str, leave: Callable[[], None]) -> None:
        self.source = source
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
        "evicted",
        "streams",
    )

    def __init__(self, network: str, max_connections: int, budget: MemoryBudget) -> None:
        self._exempt = network != _MAIN
        self._max_connections = max_connections
        self._budget = budget
        self._memory = budget.account(share=1.0, greedy=False)
        self._sources: Counter[str] = Counter()
        # Ordered, unlike sets: the oldest comes first.
        self._shaking: dict[ConnectionSlot, None] = {}
        self._open: dict[ConnectionSlot, Idle] = {}
        self._idle: deque[tuple[float, ConnectionSlot]] = deque()
        self.streams = 0
        self.evicted = 0
        """How many connections made room for others."""

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._shaking) + len(self._open)

    def limit(self, max_connections: int) -> None:
        """Admit up to that many from now on; those that are open stay."""
        self._max_connections = max_connections

    def enter(self, source: str, leave: Callable[[], None]) -> ConnectionSlot | str:
        """Admit a connection, or return in a fixed word why not.

        A relay that is full ends the connection that has been idle for longest, by calling
        the `leave` that came with it. Give the slot back with `leave`.
        """
        address, subnet = _places(source)
        if not self._is_exempt(source):
            if self._sources[address] >= MAX_PER_SOURCE:
                return "source"
            if self._sources[subnet] >= MAX_PER_SUBNET:
                return "subnet"
        if self.connections >= self._max_connections and not self._evict():
            return "connections"
        if not self._budget.takes_connections and not self._evict():
            return "memory"
        slot = ConnectionSlot(address, subnet, leave)
        self._shaking[slot] = None
        self._sources.update((address, subnet))
        self._memory.add(CONNECTION_BYTES)
        return slot

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
        for place in (slot.source, slot.subnet):
            self._sources[place] -= 1
            if not self._sources[place]:
                del self._sources[place]

    def source_of(self, source: str) -> Hashable:
        """Return what connections from there have in common; nothing if they are exempt."""
        return object() if self._is_exempt(source) else _places(source)[0]

    def open_stream(self) -> bool:
        """Admit a stream, to be given back with `close_stream`."""
        if self.streams >= MAX_STREAMS or not self._budget.takes_streams:
            return False
        self.streams += 1
        self._memory.add(CONNECTION_BYTES)
        return True

    def close_stream(self) -> None:
        """Give back a stream that was admitted."""
        self.streams -= 1
        self._memory.release(CONNECTION_BYTES)

    def _evict(self) -> bool:
        """End the oldest handshake that is not done, or else the link that idles for longest."""
        doomed = next(iter(self._shaking), None) or self._most_idle()
        if doomed is None:
            return False
        self.leave(doomed)
        self.evicted += 1
        doomed.end()
        return True

    def _most_idle(self) -> ConnectionSlot | None:
        """Return the link that was used least recently of those that may go.

        They are put in order only when the last order is used up: who was used since has
        lost its place in it, and nobody can have come before the others.
        """
        for fresh in (False, True):
            if fresh:
                links = [
                    (link.last_used, slot)
                    for slot, link in self._open.items()
                    if link.may_be_evicted
                ]
                self._idle.extend(sorted(links, key=lambda item: item[0]))
            while self._idle:
                last_used, slot = self._idle.popleft()
                link = self._open.get(slot)
                if link is not None and link.may_be_evicted and link.last_used == last_used:
                    return slot
        return None

    def _is_exempt(self, source: str) -> bool:
        if not self._exempt:
            return False
        try:
            return ipaddress.ip_address(source).is_loopback
        except ValueError:
            return True


def _places(source: str) -> tuple[str, str]:
    """Return what counts as one source, and the subnet it is in."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source, f"{source}/subnet"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    lengths = (32, 24) if address.version == 4 else (64, 48)
    host, subnet = (str(ipaddress.ip_network((address, n), strict=False)) for n in lengths)
    return host, subnet

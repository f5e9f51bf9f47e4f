"""A network in memory: hosts by name, latencies, cut cables and killed hosts.

Under trio's MockClock it is deterministic: it keeps no clock or randomness of its own,
and bytes arrive in the order in which they were sent. A cut cable behaves as in TCP:
bytes wait until it is mended, and new connections time out.
"""

from __future__ import annotations

import errno
import ipaddress
import math
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.arrivals import Arrivals
from zentalk.net.signal import Signal
from zentalk.net.transport import CONNECT_SECONDS, Handler, run_guarded

WINDOW_BYTES: Final = 262_144
"""Bytes that one direction holds on its way; a sender waits for the rest, as in TCP."""
FIRST_PORT: Final = 20_000
"""The first of the ports that are given for 0, on each host."""

WireHook: TypeAlias = Callable[[str, str, bytes], None]
"""Sees (source host, target host, bytes) of every send."""
_Pair: TypeAlias = frozenset[str]


class MemoryNetwork:
    """All hosts and cables; `host(name)` is what one host sees of it.

    `on_wire`, when set, sees everything that is sent.
    """

    def __init__(self, latency_seconds: float = 0.0) -> None:
        self.on_wire: WireHook | None = None
        self._latency_seconds = latency_seconds
        self._latencies: dict[_Pair, float] = {}
        self._cut: set[_Pair] = set()
        self._dead: set[str] = set()
        self._owners: dict[str, str] = {}
        """Further addresses of hosts."""
        self._listeners: dict[tuple[str, int], MemoryListener] = {}
        self._next_ports: dict[str, int] = {}
        self._names: dict[str, str] = {}
        # Ordered, unlike a set: breaking connections must wake tasks in one order.
        self._pipes: dict[_Pipe, None] = {}
        self._arrivals = Arrivals()

    def host(self, name: str) -> HostNetwork:
        """Return the network as a host of that name sees it."""
        return HostNetwork(self, name)

    def add_address(self, name: str, address: str) -> None:
        """Give a host one more address: it listens there if it is asked to, and only there."""
        self._owners[address] = name

    def set_latency(self, a: str, b: str, seconds: float) -> None:
        """Set how long bytes travel between two hosts, each way, from now on."""
        self._latencies[frozenset((a, b))] = seconds

    def latency(self, a: str, b: str) -> float:
        """Return how long bytes travel between two hosts, each way."""
        return self._latencies.get(frozenset((a, b)), self._latency_seconds)

    def cut(self, a: str, b: str) -> None:
        """Let nothing pass between two hosts until `mend`."""
        self._cut.add(frozenset((a, b)))

    def mend(self, a: str, b: str) -> None:
        """Undo `cut`; what waited arrives now."""
        self._cut.discard(frozenset((a, b)))
        for pipe in list(self._pipes):
            if {pipe.source, pipe.target} == {a, b}:
                pipe.wake()

    def is_cut(self, a: str, b: str) -> bool:
        """Whether nothing passes between two hosts."""
        return frozenset((a, b)) in self._cut

    def kill(self, name: str) -> None:
        """Break every connection and listener of a host; it is unreachable until `revive`."""
        self._dead.add(name)
        for pipe in list(self._pipes):
            if name in (self._owner(pipe.source), self._owner(pipe.target)):
                pipe.break_off()
        for listener in list(self._listeners.values()):
            if self._owner(listener.host) == name:
                listener.close()

    def revive(self, name: str) -> None:
        """Let a killed host dial and listen again."""
        self._dead.discard(name)

    def is_dead(self, name: str) -> bool:
        """Whether a host was killed."""
        return self._owner(name) in self._dead

    def address(self, name: str) -> str:
        """Return the address of a host: made up, each in a /16 of its own, unless it is one."""
        try:
            return str(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            number = len(self._names)
            made_up = f"{20 + number // 250}.{number % 250}.0.1"
            return self._names.setdefault(name, made_up)

    # For the classes below.

    def _name_at(self, host: str) -> str:
        """Return which host has an address: one of that name, if somebody listens there."""
        if any(listening == host for listening, _ in self._listeners):
            return host
        return next((name for name, address in self._names.items() if address == host), host)

    def _owner(self, address: str) -> str:
        return self._owners.get(address, address)

    def _bind(self, name: str, wanted: str, port: int) -> MemoryListener:
        host = wanted if self._owners.get(wanted) == name else name
        if self.is_dead(host):
            raise OSError("this host was killed")
        if port == 0:
            port = self._next_ports.get(host, FIRST_PORT)
            while (host, port) in self._listeners:
                port += 1
            self._next_ports[host] = port + 1
        if (host, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, f"port {port} is in use on {host}")
        listener = MemoryListener(self, host, port)
        self._listeners[host, port] = listener
        return listener

    def _unbind(self, listener: MemoryListener) -> None:
        self._listeners.pop((listener.host, listener.port), None)

    def _join(self, source: str, target: str, port: int) -> MemoryStream | None:
        """Connect two hosts; None if nobody listens."""
        listener = self._listeners.get((target, port))
        if listener is None or self.is_dead(source) or self.is_dead(target):
            return None
        there, back = _Pipe(self, source, target), _Pipe(self, target, source)
        self._pipes[there] = self._pipes[back] = None
        listener.arrived(MemoryStream(there, back, self._forget), source)
        return MemoryStream(back, there, self._forget)

    def _forget(self, pipe: _Pipe) -> None:
        self._pipes.pop(pipe, None)

    def _wake_at(self, arrival: float, pipe: _Pipe) -> None:
        self._arrivals.call_at(arrival, pipe.arrived)


class HostNetwork:
    """The network as one host sees it: satisfies `Network`. Made by `MemoryNetwork.host`."""

    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self.name = name

    async def dial(self, host: str, port: int) -> MemoryStream:
        """Connect after one round trip; raises ConnectFailedError."""
        target = f"{host}:{port}"
        network = self._network
        host = network._name_at(host)  # noqa: SLF001 - one module's classes
        if network.is_dead(self.name) or network.is_cut(self.name, host):
            await trio.sleep(CONNECT_SECONDS)
            raise ConnectFailedError(target, "no answer")
        await trio.sleep(2 * network.latency(self.name, host))
        stream = network._join(self.name, host, port)  # noqa: SLF001 - one module's classes
        if stream is None:
            raise ConnectFailedError(target, "nobody listens there")
        return stream

    async def resolve(self, host: str) -> list[str]:
        """Return the one address of a host."""
        await trio.lowlevel.checkpoint()
        return [self._network.address(host)]

    async def listen(self, host: str, port: int) -> MemoryListener:
        """Bind a port of this host; raises OSError if it is taken.

        Whatever `host` says that is no further address of this host stands for its name.
        """
        await trio.lowlevel.checkpoint()
        return self._network._bind(self.name, host, port)  # noqa: SLF001


class MemoryListener:
    """A bound port. Made by `HostNetwork.listen`."""

    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self.host = host
        self._port = port
        self._closed = trio.Event()
        self._arrivals: deque[tuple[MemoryStream, str]] = deque()
        self._arrived = Signal()

    @property
    def port(self) -> int:
        """The port, also when 0 was asked for."""
        return self._port

    async def serve(self, handler: Handler) -> None:
        """Run `handler` for each stream, until closed or cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._accept, handler, nursery)
            await self._closed.wait()
            nursery.cancel_scope.cancel()

    async def _accept(self, handler: Handler, nursery: trio.Nursery) -> None:
        while True:
            await self._arrived.wait()
            while self._arrivals:
                stream, source = self._arrivals.popleft()
                nursery.start_soon(run_guarded, handler, stream, source)

    def arrived(self, stream: MemoryStream, source: str) -> None:
        """Called by the network with a new connection."""
        self._arrivals.append((stream, source))
        self._arrived.set()

    def close(self) -> None:
        """Stop listening, and end what `serve` runs."""
        self._network._unbind(self)  # noqa: SLF001
        self._closed.set()

    async def aclose(self) -> None:
        """Stop listening."""
        self.close()
        await trio.lowlevel.checkpoint()


class MemoryStream:
    """One end of a connection in memory."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe, forget: Callable[[_Pipe], None]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._forget = forget
        self._closed = False

    def send_now(self, data: bytes, /) -> int:
        """Send everything, or nothing while more than a window is on its way."""
        self._check()
        return len(data) if self._outgoing.put_now(bytes(data)) else 0

    async def send_all(self, data: bytes, /) -> None:
        """Send everything, waiting while more than a window is on its way."""
        await trio.lowlevel.checkpoint()
        self._check()
        await self._outgoing.put(bytes(data))

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return up to `max_bytes` that have arrived; b"" at the end."""
        self._check()
        return await self._incoming.get(max_bytes)

    async def aclose(self) -> None:
        """Close: the other side reads what was sent, then the end."""
        if not self._closed:
            self._closed = True
            self._outgoing.end()
            self._incoming.refuse()
            self._forget(self._incoming)
        await trio.lowlevel.checkpoint()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError


class _Pipe:
    """One direction of a connection."""

    def __init__(self, network: MemoryNetwork, source: str, target: str) -> None:
        self._network = network
        self.source = source
        self.target = target
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._in_flight = 0
        self._changes = trio.lowlevel.ParkingLot()
        self._wakes_at = -math.inf
        """The time of the last call of `arrived` that is still to come."""
        self._broken = False
        self._refused = False
        self._ended_at = math.inf

    async def put(self, data: bytes) -> None:
        while not self.put_now(data):
            await self._changes.park()

    def put_now(self, data: bytes) -> bool:
        if self._ended_at < math.inf:
            raise trio.ClosedResourceError("this stream is closed")
        if self._broken or self._refused:
            raise trio.BrokenResourceError("the other host is gone")
        if self._in_flight > WINDOW_BYTES:
            return False
        if data:
            if self._network.on_wire is not None:
                self._network.on_wire(self.source, self.target, data)
            arrival = self._arrival()
            self._chunks.append((arrival, data))
            self._in_flight += len(data)
            self._wake_reader_at(arrival)
        return True

    async def get(self, max_bytes: int) -> bytes:
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            if self._refused:
                raise trio.ClosedResourceError("this stream is closed")
            if self._broken:
                raise trio.BrokenResourceError("the other host is gone")
            next_at = self._chunks[0][0] if self._chunks else self._ended_at
            now = trio.current_time()
            if next_at > now or self._network.is_cut(self.source, self.target):
                await self._changes.park()
            elif not waited:
                await trio.lowlevel.checkpoint()
            else:
                return self._take(now, max_bytes) if self._chunks else b""
            waited = True

    def end(self) -> None:
        """The sender closed."""
        self._ended_at = self._arrival()
        self._wake_reader_at(self._ended_at)

    def refuse(self) -> None:
        """The receiver closed: sending fails from now on."""
        self._refused = True
        self.wake()

    def break_off(self) -> None:
        """Nothing passes any more, in the manner of a reset."""
        self._broken = True
        self._chunks.clear()
        self.wake()

    def arrived(self) -> None:
        """Something that was sent is here now."""
        self._wakes_at = -math.inf
        self.wake()

    def wake(self) -> None:
        self._changes.unpark_all()

    def _arrival(self) -> float:
        """Return when what is sent now arrives: never before what was sent earlier."""
        arrival = trio.current_time() + self._network.latency(self.source, self.target)
        return max(arrival, self._chunks[-1][0]) if self._chunks else arrival

    def _take(self, now: float, max_bytes: int) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._chunks and self._chunks[0][0] <= now and size < max_bytes:
            arrival, chunk = self._chunks.popleft()
            if size + len(chunk) > max_bytes:
                keep = max_bytes - size
                self._chunks.appendleft((arrival, chunk[keep:]))
                chunk = chunk[:keep]
            taken.append(chunk)
            size += len(chunk)
        self._in_flight -= size
        if self._changes:
            self.wake()
        return b"".join(taken)

    def _wake_reader_at(self, arrival: float) -> None:
        if arrival != self._wakes_at:
            self._wakes_at = arrival
            self._network._wake_at(arrival, self)  # noqa: SLF001 - one module's classes

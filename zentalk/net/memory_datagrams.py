"""A network of datagrams in memory that loses, repeats, delays and reorders them, from a seed.

Under trio's MockClock it repeats itself exactly. Nothing that a program needs is here: it is for
tests and simulations.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

import trio

from zentalk.net.arrivals import Arrivals
from zentalk.net.datagrams import DATAGRAM_BYTES, Address

FIRST_PORT: Final = 20_000
"""The first of the ports that are given for 0, at each host."""
QUEUE_DATAGRAMS: Final = 1_024
"""The most that a port holds unread; more is lost, as in a kernel."""

DatagramHook: TypeAlias = Callable[[Address, Address, bytes], bool]
"""Sees (source, target, datagram) of every send, and says whether it goes on its way."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The fate of datagrams on their way; shares are of 1."""

    latency_seconds: float = 0.01
    jitter_seconds: float = 0.0
    """The most that is added to the latency, for each another: they overtake each other."""
    lost: float = 0.0
    repeated: float = 0.0
    """The share that arrives twice."""


class DatagramNetwork:
    """All ports in memory. `weather` may be changed at any time.

    `on_send`, when set, decides about everything that is sent: NATs and firewalls of tests.
    """

    def __init__(self, weather: Weather = Weather(), seed: int = 1) -> None:
        self.weather = weather
        self.on_send: DatagramHook | None = None
        self._random = Random(seed)  # noqa: S311 - weather, no secrets
        self._ports: dict[Address, MemoryDatagrams] = {}
        self._arrivals = Arrivals()

    def bind(self, host: str, port: int = 0) -> MemoryDatagrams:
        """Bind a port of a host, 0 for any; raises OSError if it is taken."""
        if port == 0:
            port = FIRST_PORT
            while (host, port) in self._ports:
                port += 1
        if (host, port) in self._ports:
            raise OSError(f"port {port} is in use on {host}")
        bound = MemoryDatagrams(self, (host, port))
        self._ports[host, port] = bound
        return bound

    def move(self, bound: MemoryDatagrams, host: str, port: int) -> None:
        """Let a port be seen at another address from now on, as a NAT does that forgot it."""
        self.unbind(bound)
        bound.address = (host, port)
        self._ports[bound.address] = bound

    # For the class below, and for NATs of tests.

    def unbind(self, bound: MemoryDatagrams) -> None:
        """Let nothing arrive at a port any more."""
        self._ports.pop(bound.address, None)

    def carry(self, source: Address, target: Address, data: bytes) -> None:
        """Bring a datagram to whoever has the target's address when it arrives, or lose it."""
        if self.on_send is not None and not self.on_send(source, target, data):
            return
        weather, random = self.weather, self._random
        # Three draws each time: what is lost does not change what happens to the others.
        is_lost, is_repeated = random.random() < weather.lost, random.random() < weather.repeated
        for _ in range(2 if is_repeated else 1):
            delay = weather.latency_seconds + random.random() * weather.jitter_seconds
            if not is_lost:
                self._arrivals.call_at(
                    trio.current_time() + delay, lambda: self._arrive(source, target, data)
                )

    def _arrive(self, source: Address, target: Address, data: bytes) -> None:
        bound = self._ports.get(target)
        if bound is not None:
            bound.arrived(data, source)


class MemoryDatagrams:
    """One port in memory: satisfies `Datagrams`. Made by `DatagramNetwork.bind`."""

    def __init__(self, network: DatagramNetwork, address: Address) -> None:
        self.address = address
        self._network = network
        self._arrived, self._unread = trio.open_memory_channel[tuple[bytes, Address]](
            QUEUE_DATAGRAMS
        )
        self._closed = False

    @property
    def local_port(self) -> int:
        """The port, also when 0 was asked for."""
        return self.address[1]

    async def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or lose it; raises trio.ClosedResourceError."""
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("this port is closed")
        if len(data) <= DATAGRAM_BYTES:
            self._network.carry(self.address, address, bytes(data))

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it is from; raises trio.ClosedResourceError."""
        return await self._unread.receive()

    async def aclose(self) -> None:
        """Let go of the port."""
        self._closed = True
        self._network.unbind(self)
        self._unread.close()
        await trio.lowlevel.checkpoint()

    def arrived(self, data: bytes, source: Address) -> None:
        """Called by the network with a datagram."""
        with suppress(trio.WouldBlock, trio.BrokenResourceError):  # full, or closed
            self._arrived.send_nowait((data, source))

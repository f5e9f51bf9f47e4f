"""Two ports with QUIC in memory, in whatever weather, and a line that is watched."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from tests.net.contract.ways import FAR, NEAR, FarSide
from zentalk.net.datagrams import Address
from zentalk.net.memory_datagrams import DatagramNetwork, MemoryDatagrams, Weather
from zentalk.net.quic.endpoint import QuicEndpoint
from zentalk.net.quic.pipe import QuicPipe
from zentalk.net.quic.settings import DEFAULT_LIMITS, QuicLimits
from zentalk.net.runtime import seeded_entropy
from zentalk.net.transport import ByteStream

CALM = Weather(latency_seconds=0.01)
STORM = Weather(latency_seconds=0.02, jitter_seconds=0.03, lost=0.2, repeated=0.05)


@dataclass
class Line:
    """A near and a far port, whose far side accepts; `seen` has what was sent."""

    network: DatagramNetwork
    near_port: MemoryDatagrams
    far_port: MemoryDatagrams
    near: QuicEndpoint
    end: QuicEndpoint
    far: FarSide
    seen: list[tuple[Address, Address, bytes]] = field(default_factory=list)

    async def pair(self) -> tuple[QuicPipe, ByteStream]:
        near = await self.near.dial(FAR, self.end.port)
        return near, await self.far.accepted()

    def see(self, source: Address, target: Address, data: bytes) -> bool:
        self.seen.append((source, target, data))
        return True

    def sizes(self, source: Address) -> list[int]:
        return [len(data) for sender, _, data in self.seen if sender == source]


async def opened(
    nursery: trio.Nursery,
    weather: Weather = CALM,
    limits: QuicLimits = DEFAULT_LIMITS,
    seed: int = 1,
) -> Line:
    network = DatagramNetwork(weather, seed)
    ports = network.bind(NEAR), network.bind(FAR)
    near = QuicEndpoint(ports[0], seeded_entropy(b"near"))
    end = QuicEndpoint(ports[1], seeded_entropy(b"far"), limits)
    line = Line(network, *ports, near, end, FarSide())
    network.on_send = line.see
    for endpoint in (near, end):
        await nursery.start(endpoint.run)
    nursery.start_soon(end.serve, line.far.take)
    return line

"""What the net tests share: keys, a small relay that only forwards tunnels, and its network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError
from zentalk.ids import Epoch, NodeId
from zentalk.link.geometry import depth_of
from zentalk.link.hello import RelayCredentials
from zentalk.net.connection import Connection, Handlers, NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.net.serve import connect, serve
from zentalk.net.splice import splice
from zentalk.net.streams import LinkStream
from zentalk.net.transport import ByteStream, Listener, Network
from zentalk.wire.descriptor import DescriptorBody, Lane, node_id_of, sign_descriptor
from zentalk.wire.frames import Open
from zentalk.wire.text import RelayUri

SMALL = b"s" * 2_560
NETWORK = "local"


def virtual(seed: int = 1) -> Runtime:
    return Runtime.virtual(seed, 1_700_000_000.0)


class Relay(NoHandlers):
    """Answers questions, counts packets, carries tunnels to the relays it knows."""

    def __init__(self, name: str, network: Network, runtime: Runtime) -> None:
        self.name = name
        self.network = network
        self.runtime = runtime
        self.key = SigningKey.generate(seeded_entropy(name.encode()))
        self.node_id = node_id_of(self.key.public)
        self.known: dict[NodeId, RelayUri] = {}
        self.links: dict[NodeId, Connection] = {}
        self.accepted: list[Connection] = []
        self.packets: list[bytes] = []
        self.notes: list[bytes] = []
        self.answer: Callable[[Connection, bytes], Any] | None = None
        self.serving: Listener | None = None
        self.uri = RelayUri(self.key.public, name, 0)
        self._nursery: trio.Nursery | None = None
        self._dialling = trio.Lock()

    async def start(self, nursery: trio.Nursery, host: str | None = None) -> None:
        self._nursery = nursery
        self.serving = await self.network.listen(host or self.name, 0)
        self.uri = RelayUri(self.key.public, host or self.name, self.serving.port)
        nursery.start_soon(self.serving.serve, self.take)

    async def take(self, stream: ByteStream, _peer_host: str = "", depth: int = 0) -> None:
        await serve(
            stream,
            network=NETWORK,
            identity=self.key,
            handlers=self,
            runtime=self.runtime,
            on_open=self.accepted.append,
            depth=depth,
        )

    def credentials(self) -> RelayCredentials:
        lane = Lane(self.uri.port, bytes(32), bytes(32))
        body = DescriptorBody(
            NETWORK, self.key.public, self.uri.host, (lane,), 1, b"", 9, "0", Epoch(1), 1
        )
        return RelayCredentials(sign_descriptor(self.key, body).raw, self.key)

    async def link_to(self, node_id: NodeId) -> Connection:
        async with self._dialling:
            if node_id not in self.links:
                uri = self.known.get(node_id)
                if uri is None:
                    raise RefusedError("unknown")
                assert self._nursery is not None
                self.links[node_id] = await connect(
                    await self.network.dial(uri.host, uri.port),
                    network=NETWORK,
                    relay_identity=uri.identity,
                    hello=self.credentials(),
                    handlers=self,
                    runtime=self.runtime,
                    nursery=self._nursery,
                )
                if self.runtime.seed is not None:
                    await trio.sleep(1)  # virtual: the hello arrives
            return self.links[node_id]

    def packet_received(self, _connection: Connection, packet: bytes, /) -> None:
        self.packets.append(packet)

    def notify_received(self, _connection: Connection, body: bytes, /) -> None:
        self.notes.append(body)

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.answer is not None:
            return bytes(await self.answer(connection, body))
        return self.name.encode() + b": " + body

    async def stream_opened(
        self, _connection: Connection, asked: Open, stream: LinkStream, /
    ) -> None:
        if asked.node_id is None:
            await self.take(stream, depth=depth_of(asked.cell_bytes))
            return
        link = await self.link_to(asked.node_id)
        await splice(stream, await link.open_stream(None, asked.cell_bytes))


class World:
    """Relays `relay-0`, `relay-1`, ... that know each other, and a client host."""

    def __init__(self, nursery: trio.Nursery, runtime: Runtime | None = None) -> None:
        self.nursery = nursery
        self.runtime = runtime or virtual()
        self.memory = MemoryNetwork(0.01)
        self.relays: list[Relay] = []

    async def add(self, count: int) -> list[Relay]:
        for _ in range(count):
            name = f"relay-{len(self.relays)}"
            relay = Relay(name, self.memory.host(name), self.runtime.for_part(name))
            await relay.start(self.nursery)
            self.relays.append(relay)
        for relay in self.relays:
            relay.known = {other.node_id: other.uri for other in self.relays if other != relay}
        return self.relays

    async def client(
        self,
        relay: Relay,
        *,
        handlers: Handlers | None = None,
        hello: RelayCredentials | None = None,
        host: str = "client",
    ) -> Connection:
        connection = await connect(
            await self.memory.host(host).dial(relay.uri.host, relay.uri.port),
            network=NETWORK,
            relay_identity=relay.key.public,
            hello=hello,
            handlers=handlers or NoHandlers(),
            runtime=self.runtime,
            nursery=self.nursery,
        )
        await trio.sleep(1)  # the hello arrives
        return connection

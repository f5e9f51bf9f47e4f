"""What a large network's directory costs: bytes and CPU time per hour, at a client and a relay.

Descriptors are really signed, sets are really compared: three sources answer through their own
`SnapshotServer`, a node's own `SnapshotClient` reads them in virtual time. In the hour that is
played every relay publishes one descriptor, 5 to 35 minutes into it, as it is specified; every
source hears of it some seconds later. Bytes are those on the client's link: every question and
answer padded to the cells of a tunnel. CPU time is the reader's own, without the links' ciphers.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import trio
import trio.testing

from zentalk.crypto.ed25519 import SigningKey
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId, epoch_at
from zentalk.link.geometry import UNIT_OVERHEAD_BYTES, UNIT_SMALL_BYTES, cell_bytes
from zentalk.link.rpc import padded_cells
from zentalk.net.runtime import Runtime
from zentalk.node.snapshot.client import SnapshotClient
from zentalk.relay.directory.gossip import FAN_OUT
from zentalk.relay.directory.snapshot_server import SnapshotServer
from zentalk.relay.keys.mix_keys import PUBLISH_AFTER_SECONDS, PUBLISH_SPREAD_SECONDS
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.descriptor import (
    Descriptor,
    DescriptorBody,
    Lane,
    decode_descriptor,
    sign_descriptor,
)
from zentalk.wire.rpc import decode_call

SIZES = (1_000, 10_000)
SOURCES = 3
REFRESHES = 6
LARGEST_GOSSIP_DELAY = 4.0
EXCHANGES = 80
"""Comparisons with another relay within an hour."""
WALL = 1_800_000_000.0
PIECE_BYTES = cell_bytes(2) - UNIT_OVERHEAD_BYTES - 16
CLIENT_MB_PER_HOUR = 10.0
CLIENT_CPU_PER_HOUR = 30.0
"""What is promised at the ceiling, 10,000 relays."""

Row = dict[str, Any]


@dataclass
class Spent:
    """What one side of the comparison cost so far."""

    link_bytes: int = 0
    plain_bytes: int = 0
    cpu_seconds: float = 0.0
    others: float = field(default=0.0, repr=False)

    def count(self, body: bytes) -> None:
        self.plain_bytes += len(body)
        cells = padded_cells(-(-(len(body) + 4) // PIECE_BYTES))
        self.link_bytes += cells * UNIT_SMALL_BYTES

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """CPU time within is somebody else's."""
        started = time.process_time()
        yield
        self.others += time.process_time() - started


class Source:
    """A relay's set behind its own server; it hears of descriptors a little later than others."""

    def __init__(
        self, runtime: Runtime, spent: Spent, descriptors: DescriptorSet | None = None
    ) -> None:
        self.descriptors = DescriptorSet("local") if descriptors is None else descriptors
        server = SnapshotServer(runtime, self.descriptors)
        self._handlers: Mapping[str, Callable[[Any, Fields], Awaitable[bytes]]] = {
            rpc.SNAPSHOT: server.snapshot,
            rpc.BUCKETS: server.buckets,
            rpc.ENTRIES: server.entries,
            rpc.DESCRIPTORS: server.descriptors,
        }
        self.runtime = runtime
        self.spent = spent

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:  # noqa: ARG002  # a link has it
        with self.spent.elsewhere():
            method, fields = decode_call(body)
            answer = await self._handlers[method](None, fields)
        self.spent.count(body)
        self.spent.count(answer)
        await trio.sleep(0.1)
        return answer

    def notify(self, body: bytes) -> None:
        self.spent.count(body)
        with self.spent.elsewhere():
            _, fields = decode_call(body)
            for raw in rpc.decode_announce(fields):
                self.descriptors.offer(raw, self.runtime.wall())


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Rows in MB (10^6 bytes) and seconds of CPU time."""
    found = []
    for size in sizes:
        hour = Hour(size)
        trio.run(hour.play, clock=trio.testing.MockClock(autojump_threshold=0))
        found += hour.rows() + gossip_rows(size, hour.before, hour.after)
    return found


class Hour:
    """A first start and the hour after it in a network of `size` relays."""

    def __init__(self, size: int) -> None:
        self.size = size
        drawn = random.Random(size)  # a repeatable workload
        keys = [SigningKey(hashlib.sha256(b"size %d" % n).digest()) for n in range(size)]
        epoch = epoch_at(WALL)
        self.before = [descriptor(key, number, epoch - 1) for number, key in enumerate(keys)]
        self.after = [descriptor(key, number, epoch) for number, key in enumerate(keys)]
        self.published = [
            PUBLISH_AFTER_SECONDS + drawn.random() * PUBLISH_SPREAD_SECONDS for _ in keys
        ]
        self.drawn = drawn
        self.first, self.steady, self.spent = Spent(), Spent(), Spent()

    async def play(self) -> None:
        runtime = Runtime.virtual(0, WALL)
        sources = {NodeId(bytes([n]) * 32): Source(runtime, self.spent) for n in range(SOURCES)}
        news = []
        for source in sources.values():
            for item in self.before:
                source.descriptors.offer_verified(item, WALL)
            for at, item in zip(self.published, self.after, strict=True):
                heard = at + self.drawn.random() * LARGEST_GOSSIP_DELAY
                news.append((heard, source, item))
        news.sort(key=lambda one: one[0])

        @asynccontextmanager
        async def tunnel(node_id: NodeId) -> AsyncIterator[Source]:
            yield sources[node_id]

        client = SnapshotClient(runtime, tunnel, "local")
        self.first = await self.refresh(client, list(sources))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.gossip, news)
            for number in range(REFRESHES):
                await trio.sleep((number + 0.5) * EPOCH_SECONDS / REFRESHES - trio.current_time())
                cost = await self.refresh(client, list(sources))
                self.steady.link_bytes += cost.link_bytes
                self.steady.plain_bytes += cost.plain_bytes
                self.steady.cpu_seconds += cost.cpu_seconds
        assert {item.raw for item in client.descriptors().values()} == {i.raw for i in self.after}

    async def gossip(self, news: list[tuple[float, Source, Descriptor]]) -> None:
        for at, source, item in news:
            if at > trio.current_time():
                await trio.sleep(at - trio.current_time())
            with self.spent.elsewhere():
                source.descriptors.offer_verified(item, source.runtime.wall())

    async def refresh(self, client: SnapshotClient, sources: list[NodeId]) -> Spent:
        self.spent.__init__()  # type: ignore[misc]  # the sources hold it
        started = time.process_time()
        result = await client.fetch_snapshot(sources)
        used = time.process_time() - started - self.spent.others
        assert result.complete, result.failed
        assert not result.dropped
        return Spent(self.spent.link_bytes, self.spent.plain_bytes, used)

    def rows(self) -> list[Row]:
        whole = SOURCES * REFRESHES * sum(len(item.raw) + 3 for item in self.after)
        large = self.size == max(SIZES)
        return [
            {
                "name": f"directory, {self.size:,} relays: a client's first start",
                "value": self.first.link_bytes / 1e6,
                "unit": "MB",
                "target": None,
            },
            {
                "name": f"directory, {self.size:,} relays: CPU of a client's first start",
                "value": self.first.cpu_seconds,
                "unit": "s",
                "target": None,
            },
            {
                "name": f"directory, {self.size:,} relays: a client's hour",
                "value": self.steady.link_bytes / 1e6,
                "unit": "MB",
                "target": CLIENT_MB_PER_HOUR if large else None,
            },
            {
                "name": f"directory, {self.size:,} relays: CPU of a client's hour",
                "value": self.steady.cpu_seconds,
                "unit": "s",
                "target": CLIENT_CPU_PER_HOUR if large else None,
            },
            {
                "name": f"directory, {self.size:,} relays: a client's hour / whole sets, unpadded",
                "ratio": self.steady.plain_bytes / whole,
                "spread": [self.steady.plain_bytes / whole] * 2,
                "target": None,
            },
        ]


def gossip_rows(size: int, before: list[Descriptor], after: list[Descriptor]) -> list[Row]:
    """What a relay spends on taking and passing on each descriptor of an hour."""
    known = DescriptorSet("local")
    for item in before:
        known.offer_verified(item, WALL)
    calls = rpc.encode_announces(item.raw for item in after)
    each = sum(map(len, calls))
    compared = exchange(known, before, after)
    started = time.process_time()
    for copy in range(FAN_OUT):
        for call in calls:
            for raw in rpc.decode_announce(decode_call(call)[1]):
                assert bool(known.offer(raw, WALL)) == (not copy)
    return [
        {
            "name": f"directory, {size:,} relays: gossip that a relay takes and sends, each",
            "value": FAN_OUT * each / 1e6,
            "unit": "MB/h",
            "target": None,
        },
        {
            "name": f"directory, {size:,} relays: CPU of a relay's gossip",
            "value": time.process_time() - started,
            "unit": "s/h",
            "target": None,
        },
        {
            "name": f"directory, {size:,} relays: a relay that compares its set with others",
            "value": EXCHANGES * compared.plain_bytes / 1e6,
            "unit": "MB/h",
            "target": None,
        },
        {
            "name": f"directory, {size:,} relays: CPU of comparing",
            "value": EXCHANGES * compared.cpu_seconds,
            "unit": "s/h",
            "target": None,
        },
    ]


def exchange(known: DescriptorSet, before: list[Descriptor], after: list[Descriptor]) -> Spent:
    """One comparison of two relays that differ by what is under way to one of them, both sides."""
    ahead = len(after) * LARGEST_GOSSIP_DELAY / PUBLISH_SPREAD_SECONDS
    runtime = Runtime.virtual(0, WALL)
    other = DescriptorSet("local")
    for item in [*after[: round(ahead)], *before]:
        other.offer_verified(item, WALL)
    spent = Spent()

    async def compare() -> None:
        source = Source(replace(runtime, wall=lambda: WALL), spent, other)
        started = time.process_time()
        reading = SetReading(KnownSets(known.digests(WALL), lambda d: known.node_of(d) is not None))
        while (call := reading.next_call()) is not None:
            for raw in reading.take(await source.request(call)):
                decode_descriptor(raw)
        assert len(reading.digests) == len(after)
        spent.cpu_seconds = time.process_time() - started

    trio.run(compare, clock=trio.testing.MockClock(autojump_threshold=0))
    return spent


def descriptor(key: SigningKey, number: int, epoch: int) -> Descriptor:
    seed = hashlib.sha512(b"%d %d" % (number, epoch)).digest()
    return sign_descriptor(
        key,
        DescriptorBody(
            network="local",
            identity=key.public,
            host=f"relay-{number}.example.org",
            lanes=(Lane(9001, seed[:32], seed[32:]),),
            roles=7,
            family=b"",
            max_links=1000,
            version="0.1.0",
            epoch=Epoch(epoch),
            boot=1,
        ),
    )

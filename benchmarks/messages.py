"""Messages end to end: three relays and two API nodes, each a process of its own on loopback.

Over REST and at the level of `zentalk.node` without HTTP. The load runs on the same cores. A
message is delivered once the recipient's event log has it; in the end the sender must hold all
for delivered, and the recipient each once (attack K27). Times are wall-clock times.

`python -m benchmarks messages` runs it with 10,000 messages; this takes minutes.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from benchmarks.node_driver import age_seconds, text_of
from benchmarks.programs import Program, cpu_seconds, start_api, start_relays, uris
from benchmarks.raw_http import RawHttp
from zentalk.client import AsyncClient

RELAYS = 3
TEXT_BYTES = 1024
IN_FLIGHT = 16
WARM_UP = 100
ALONE = 500
MANY = 10_000
REST_P50_SECONDS = 0.010
REST_RATE = 300.0
REST_GAIN = 1.5
NODE_RATE = 500.0

Row = dict[str, Any]


def rows(many: int = MANY) -> list[Row]:
    """Each row: name, value, unit, target and whether it is met."""
    return [*trio.run(over_rest, many), *trio.run(without_http, many)]


async def over_rest(many: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            relays = await start_relays(Path(folder), RELAYS, nursery)
            load = await RestLoad.start(Path(folder), nursery)
            await load.run(WARM_UP, 1)
            alone = await load.run(ALONE, 1)
            await load.run(WARM_UP, IN_FLIGHT)
            before = _cpu([*relays, *load.nodes])
            crowd = await load.run(many, IN_FLIGHT)
            used = _cpu([*relays, *load.nodes], before, many)
            missing, duplicates = await load.verdict()
            nursery.cancel_scope.cancel()
    return [
        _row("REST, 1 in flight, delivered p50", alone.p50 * 1e3, "ms", REST_P50_SECONDS * 1e3),
        _row("REST, 1 in flight, rate", alone.rate, "messages/s"),
        _row(f"REST, {IN_FLIGHT} in flight, rate", crowd.rate, "messages/s", REST_RATE, used=used),
        _row("REST, gain", crowd.rate / alone.rate, "x", REST_GAIN),
        *_losses("REST", many, missing, duplicates),
    ]


async def without_http(many: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            relays = await start_relays(Path(folder), RELAYS, nursery)
            load = await NodeLoad.start(Path(folder), nursery)
            await load.run(WARM_UP, 1)
            alone = await load.run(ALONE, 1)
            await load.run(WARM_UP, IN_FLIGHT)
            before = _cpu([*relays, *load.nodes])
            crowd = await load.run(many, IN_FLIGHT)
            used = _cpu([*relays, *load.nodes], before, many)
            missing, duplicates = load.verdict()
            nursery.cancel_scope.cancel()
    return [
        _row("node, 1 in flight, delivered p50", alone.p50 * 1e3, "ms"),
        _row("node, 1 in flight, rate", alone.rate, "messages/s"),
        _row(f"node, {IN_FLIGHT} in flight, rate", crowd.rate, "messages/s", NODE_RATE, used=used),
        *_losses("node", many, missing, duplicates),
    ]


class Result:
    """What one run of the load saw."""

    def __init__(self, seconds: float, latencies: Sequence[float]) -> None:
        self.rate = len(latencies) / seconds
        self.p50 = statistics.median(latencies)


class RestLoad:
    """Writes to one API node and reads the event streams of both."""

    def __init__(self, nodes: Sequence[Program], http: RawHttp, address: str) -> None:
        self.nodes = nodes
        self._http = http
        self._path = f"/v1/conversations/{address}/messages"
        self._ids: list[str] = []
        self._received: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._delivered: set[str] = set()
        self._waiting: dict[str, trio.Event] = {}
        self._changed = trio.Event()
        self._last_at = 0.0

    @classmethod
    async def start(cls, root: Path, nursery: trio.Nursery) -> RestLoad:
        alice, alice_address, alice_url, alice_token = await start_api(root, "alice", nursery)
        bob, bob_address, bob_url, bob_token = await start_api(root, "bob", nursery)
        writer, reader = AsyncClient(alice_url, alice_token), AsyncClient(bob_url, bob_token)
        for client in (writer, reader):
            while not (await client.network())["ready"]:  # noqa: ASYNC110 - another process
                await trio.sleep(0.1)
        await writer.add_contact(bob_address, "Bob")
        await reader.add_contact(alice_address, "Alice")
        load = cls([alice, bob], RawHttp(alice_url, alice_token), bob_address)
        for client in (writer, reader):
            nursery.start_soon(load._follow, client)
        return load

    async def run(self, count: int, in_flight: int) -> Result:
        """Send messages, `in_flight` at a time: the next when the recipient has one."""
        self._latencies = []
        left = iter(range(count))
        started_at = time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(self._worker, left)
        return Result(self._last_at - started_at, self._latencies)

    async def verdict(self) -> tuple[int, int]:
        """Return how many of all messages are missing, and how many came twice."""
        with trio.move_on_after(60):
            while len(self._delivered) < len(self._ids):
                await self._changed.wait()
        missing = sum(i not in self._delivered or not self._received[i] for i in self._ids)
        return missing, sum(self._received.values()) - len(self._received)

    async def _worker(self, left: Any) -> None:
        async with self._http.connection() as connection:
            for _ in left:
                body = json.dumps({"text": text_of(TEXT_BYTES)}).encode()
                message = json.loads(await connection.post(self._path, body))
                self._ids.append(message["id"])
                if message["id"] not in self._received:
                    event = self._waiting[message["id"]] = trio.Event()
                    await event.wait()

    async def _follow(self, client: AsyncClient) -> None:
        async with client.stream_events() as feed:
            async for event in feed:
                if event.type == "message.received":
                    self._last_at = time.monotonic()
                    self._received[event.data["id"]] += 1
                    self._latencies.append(age_seconds(event.data["text"]))
                    if event.data["id"] in self._waiting:
                        self._waiting.pop(event.data["id"]).set()
                elif event.type == "message.state" and event.data["state"] == "delivered":
                    self._delivered.add(event.data["id"])
                    self._changed.set()
                    self._changed = trio.Event()


class NodeLoad:
    """Tells one node process to write to the other."""

    def __init__(self, nodes: Sequence[Program], address: str) -> None:
        self.nodes = nodes
        self._address = address
        self._missing = 0
        self._duplicates = 0

    @classmethod
    async def start(cls, root: Path, nursery: trio.Nursery) -> NodeLoad:
        nodes, addresses = [], []
        for name in ("alice", "bob"):
            (root / name).mkdir(mode=0o700)
            words = ("-m", "benchmarks.node_driver", str(root / name), *uris(root)[:2])
            node = await Program.start(name, nursery, *words)
            addresses.append(await node.ready())
            nodes.append(node)
        for node, address in zip(nodes, reversed(addresses), strict=True):
            await node.ask({"command": "contact", "address": address})
        return cls(nodes, addresses[1])

    async def run(self, count: int, in_flight: int) -> Result:
        """Send messages, `in_flight` at a time: the next when one was confirmed."""
        writer, reader = self.nodes
        sent = await writer.ask(
            {
                "command": "send",
                "address": self._address,
                "count": count,
                "in_flight": in_flight,
                "size_bytes": TEXT_BYTES,
            }
        )
        seen = await reader.ask({"command": "seen", "count": count})
        received = seen["received"]
        self._missing += sum(message_id not in received for message_id in sent["ids"])
        self._duplicates += sum(received.values()) - len(received)
        return Result(seen["last_at"] - sent["started_at"], seen["latencies"])

    def verdict(self) -> tuple[int, int]:
        """Return how many of all messages are missing, and how many came twice."""
        return self._missing, self._duplicates


def _cpu(
    programs: Sequence[Program], before: dict[str, float] | None = None, messages: int = 1
) -> dict[str, float]:
    """Return CPU seconds by program, this one as `load`; or milliseconds per message since."""
    now = {program.name: program.cpu_seconds() for program in programs}
    now["load"] = cpu_seconds(os.getpid())
    if before is None:
        return now
    return {name: round((now[name] - before[name]) / messages * 1e3, 3) for name in now}


def _row(name: str, value: float, unit: str, target: float | None = None, **more: Any) -> Row:
    """Return a row; of rates and gains the target is a minimum, of all others a maximum."""
    at_least = unit in {"messages/s", "x"}
    row = {"name": name, "value": value, "unit": unit, "target": target, "at_least": at_least}
    return row | more


def _losses(level: str, many: int, missing: int, duplicates: int) -> list[Row]:
    return [
        _row(f"{level}, confirmed but missing, of {many:,}", missing, "messages", 0),
        _row(f"{level}, twice, of {many:,}", duplicates, "messages", 0),
    ]

"""Our own processes under the load of `benchmarks.peers`: REST in, both event streams out.

The load generator shares the cores with them, so it does as little as it can: a connection for
each lane, and of the events it reads those that it waits for.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import trio

from benchmarks.peer_load import RELAYS, SIZE_BYTES, PeerLoad, Sent
from benchmarks.programs import Program, start_api, start_relays
from benchmarks.raw_http import RawHttp
from zentalk.client import AsyncClient

EVENTS_PATH = "/v1/events/stream"
ARRIVE_SECONDS = 5.0


class OwnLoad(PeerLoad):
    """Writes to the sender's node; a message is confirmed once its event says so."""

    def __init__(
        self, programs: list[Program], sender: RawHttp, recipient: RawHttp, address: str
    ) -> None:
        super().__init__(programs)
        self._sender = sender
        self._recipient = recipient
        self._path = f"/v1/conversations/{address}/messages"
        self._confirmed: dict[str, float] = {}
        self._waiting: dict[str, trio.Event] = {}
        self._received: Counter[str] = Counter()

    @classmethod
    async def start(
        cls,
        root: Path,
        nursery: trio.Nursery,
        count: int = RELAYS,
        program: str = "zentalk",
        *,
        web: bool = False,
        direct: bool = False,
    ) -> OwnLoad:
        """Start that many relays, and nodes of a program, and read their events from now on.

        With `web` the nodes reach relays by WebSockets only, with `direct` each other directly.
        """
        relays = await start_relays(root, count, nursery, web=web)
        alice, alice_address, alice_url, alice_token = await start_api(
            root, "sender", nursery, program, web=web
        )
        bob, bob_address, bob_url, bob_token = await start_api(
            root, "recipient", nursery, program, web=web
        )
        writer, reader = AsyncClient(alice_url, alice_token), AsyncClient(bob_url, bob_token)
        for client in (writer, reader):
            while not (await client.network())["ready"]:  # noqa: ASYNC110 - another process
                await trio.sleep(0.1)
        await writer.add_contact(bob_address, "Bob")
        await reader.add_contact(alice_address, "Alice")
        if direct:
            await _connect_directly([(writer, bob_address), (reader, alice_address)])
        sender, recipient = RawHttp(alice_url, alice_token), RawHttp(bob_url, bob_token)
        load = cls([alice, bob, *relays], sender, recipient, bob_address)
        nursery.start_soon(load._follow_sender)
        nursery.start_soon(load._follow_recipient)
        return load

    async def send(self, count: int, in_flight: int) -> Sent:
        """Send messages, and wait until all are confirmed."""
        left = iter(range(count))
        latencies: list[float] = []
        started_at = time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(self._lane, left, latencies)
        return Sent(time.monotonic() - started_at, latencies)

    async def verdict(self) -> tuple[int, int]:
        """Return how many confirmed messages are missing, and how many came twice."""
        with trio.move_on_after(ARRIVE_SECONDS):
            while not self._received.keys() >= self._confirmed.keys():  # noqa: ASYNC110 - as above
                await trio.sleep(0.1)
        missing = sum(message_id not in self._received for message_id in self._confirmed)
        return missing, sum(self._received.values()) - len(self._received)

    async def _lane(self, left: Iterator[int], latencies: list[float]) -> None:
        async with self._sender.connection() as connection:
            for _ in left:
                text = base64.b64encode(os.urandom(SIZE_BYTES * 3 // 4)).decode()
                body = json.dumps({"text": text}).encode()
                sent_at = time.monotonic()
                message_id = json.loads(await connection.post(self._path, body))["id"]
                if message_id not in self._confirmed:
                    event = self._waiting[message_id] = trio.Event()
                    await event.wait()
                latencies.append(self._confirmed[message_id] - sent_at)

    async def _follow_sender(self) -> None:
        async with self._sender.connection() as connection:
            async for data in connection.events(EVENTS_PATH):
                if b'"delivered"' in data:
                    message_id = json.loads(data)["data"]["id"]
                    self._confirmed[message_id] = time.monotonic()
                    if message_id in self._waiting:
                        self._waiting.pop(message_id).set()

    async def _follow_recipient(self) -> None:
        async with self._recipient.connection() as connection:
            async for data in connection.events(EVENTS_PATH):
                if b'"message.received"' in data:
                    self._received[json.loads(data)["data"]["id"]] += 1


async def _connect_directly(people: list[tuple[AsyncClient, str]]) -> None:
    for client, other in people:
        await client.send(other, "before anybody is let in directly, both have written")
    for client, other in people:
        await client.allow_direct(other)
    for client, other in people:
        while (await client.direct(other)).path != "direct":  # noqa: ASYNC110 - another process
            await trio.sleep(0.1)

"""An API node without HTTP, as a process that follows commands on its input.

Started by `benchmarks.messages`. Prints `ready ADDRESS`, then one line of JSON per command.
Texts begin with the time at which they were written, on the clock that all processes share.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from zentalk.config import ApiSettings
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork
from zentalk.node.node import Node
from zentalk.store.key_file import load_or_create_identity
from zentalk.wire.text import parse_address, parse_relay_uri

PAGE = 1000


def text_of(size_bytes: int) -> str:
    """Return a text of this size that tells when it was written."""
    return f"{time.monotonic():.6f} ".ljust(size_bytes, "x")


def age_seconds(text: str) -> float:
    """Return how long ago a text was written."""
    return time.monotonic() - float(text.partition(" ")[0])


class Driver:
    """A node, what its event log has shown, and the commands that it follows."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.received: dict[str, int] = {}
        self.latencies: list[float] = []
        self.last_at = 0.0
        self.delivered: set[str] = set()
        self.changed = trio.Event()

    async def follow_events(self) -> None:
        after = 0
        while True:
            await self.node.wait_events(after)
            for event in await self.node.events(after, PAGE):
                after = event.seq
                self._note(event.type, event.data)
            self.changed.set()
            self.changed = trio.Event()

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "message.received":
            self.last_at = time.monotonic()
            self.latencies.append(age_seconds(data["text"]))
            self.received[data["id"]] = self.received.get(data["id"], 0) + 1
        elif kind == "message.state" and data["state"] == "delivered":
            self.delivered.add(data["id"])

    async def contact(self, address: str) -> dict[str, Any]:
        await self.node.add_contact(parse_address(address), "peer")
        return {}

    async def send(
        self, address: str, count: int, in_flight: int, size_bytes: int
    ) -> dict[str, Any]:
        """Send messages, `in_flight` at a time: the next when one was confirmed."""
        to = parse_address(address)
        left = iter(range(count))
        ids: list[str] = []

        async def worker() -> None:
            for _ in left:
                message = await self.node.send_text(to, text_of(size_bytes))
                ids.append(message.id)
                while message.id not in self.delivered:
                    await self.changed.wait()

        started_at = time.monotonic()
        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(worker)
        return {"ids": ids, "started_at": started_at}

    async def seen(self, count: int) -> dict[str, Any]:
        """Return what arrived since the last time, once it is `count` messages."""
        while len(self.latencies) < count:
            await self.changed.wait()
        answer = {
            "received": self.received,
            "latencies": self.latencies,
            "last_at": self.last_at,
        }
        self.received, self.latencies = {}, []
        return answer


async def main(folder: Path, bootstraps: list[str]) -> None:
    identity = load_or_create_identity(folder, os.urandom)
    settings = ApiSettings(
        directory=folder,
        port=0,
        bootstraps=tuple(parse_relay_uri(uri) for uri in bootstraps),
    )
    node = Node(settings, Runtime.real(), TcpNetwork())
    driver = Driver(node)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        nursery.start_soon(driver.follow_events)
        await node.ready()
        assert node.address == UserAddress(identity.public)
        print(f"ready {node.address_text}", flush=True)
        await follow_commands(driver)
        nursery.cancel_scope.cancel()


async def follow_commands(driver: Driver) -> None:
    commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        "contact": driver.contact,
        "send": driver.send,
        "seen": driver.seen,
    }
    while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        words = json.loads(line)
        answer = await commands[words.pop("command")](**words)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2:])

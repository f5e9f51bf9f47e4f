"""A program of the owner's that is told of events, without a network; and a node's part for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from zentalk.net.runtime import Runtime
from zentalk.node.event_log import EventLog
from zentalk.node.notify.deliveries import Deliveries
from zentalk.node.notify.outgoing import Outgoing
from zentalk.node.notify.schedule import Answer
from zentalk.node.notify.webhooks import WebhookCommands
from zentalk.store.history import events
from zentalk.store.history.database import HistoryDatabase

START = 1_790_000_000.0
URL = "http://127.0.0.1:9/hook"


def wall() -> float:
    return START + trio.current_time()


@dataclass
class Receiver:
    """Takes what is posted, or answers as `answer` says; notes all attempts."""

    answer: Callable[[dict[str, Any]], Answer] = lambda _body: Answer(200)
    attempts: list[tuple[float, int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    posts: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    seconds: float = 0.0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.posts.append((url, headers, body))
        shown = json.loads(body)
        self.attempts.append((wall(), shown["seq"]))
        await trio.sleep(self.seconds)
        answer = self.answer(shown)
        if answer.is_success:
            self.taken.append(shown["seq"])
        return answer


@dataclass
class Part:
    """The part of a running node that delivers, over its database."""

    database: HistoryDatabase
    log: EventLog
    webhooks: WebhookCommands

    async def happen(
        self, count: int = 1, conversation: str = "zt1a", kind: str = "message.state"
    ) -> None:
        data = {"id": "ab", "conversation": conversation, "state": "sent", "text": "secret"}

        def job(tx: Any) -> None:
            for _ in range(count):
                events.append(tx, kind, wall(), data)

        await self.database.write(job)


@asynccontextmanager
async def running(folder: Path, receiver: Outgoing) -> AsyncIterator[Part]:
    """One life of a node; another one with the same folder goes on."""
    virtual = Runtime.virtual(1, START)
    database = HistoryDatabase(folder / "history.db", virtual.run_blocking)
    log = EventLog(database)
    webhooks = WebhookCommands(virtual.for_part(f"webhooks{trio.current_time()}"), database)
    deliveries = Deliveries(virtual, database, log, receiver)
    webhooks.on_change = deliveries.poke
    try:
        async with trio.open_nursery() as writing:
            writing.start_soon(database.run)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(deliveries.run)
                await trio.testing.wait_all_tasks_blocked()
                yield Part(database, log, webhooks)
                nursery.cancel_scope.cancel()
            writing.cancel_scope.cancel()
    finally:
        database.close()

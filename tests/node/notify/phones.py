"""A node's part that wakes devices, over its database, with devices that come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.node.notify.push_server import PushServer, Subscription
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.devices.attendance import Attendance
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.node.event_log import EventLog
from zentalk.node.notify.push import PushCommands, PushWish
from zentalk.node.notify.push_sender import PushSender
from zentalk.node.notify.waker import Waker
from zentalk.store.history import chats, events
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.push import PushRow
from zentalk.wire.text import format_address

START = 1_790_000_000.0
SECONDS = 4.0
BOB = UserAddress(b"b" * 32)
CAROL = UserAddress(b"c" * 32)


def wall() -> float:
    return START + trio.current_time()


@dataclass
class WakingPart:
    """The part of a running node that wakes devices."""

    database: HistoryDatabase
    log: EventLog
    tokens: DeviceTokens
    attendance: Attendance
    push: PushCommands
    server: PushServer

    async def device(self, name: str = "phone") -> str:
        """Admit a device, and return its id."""
        entry, _ = await self.tokens.add(name)
        return entry.device_id.hex()

    async def phone(self, **more: Any) -> tuple[str, Subscription]:
        """Admit a device and register the endpoint that a push server has given it."""
        device, subscription = await self.device(), self.server.subscribe()
        await self.register(device, subscription, **more)
        return device, subscription

    async def register(
        self, device: str, subscription: Subscription, *, is_trusted: bool = False, **more: Any
    ) -> PushRow:
        keys = subscription.public()
        wish = PushWish(
            device=device,
            endpoint=f"{self.server.host}{subscription.path}",
            client_key=keys["p256dh"] if subscription.is_encrypted else "",
            auth=keys["auth"] if subscription.is_encrypted else "",
            is_trusted=is_trusted,
            **more,
        )
        return await self.push.register(wish)

    async def happen(
        self, kind: str = "message.received", conversation: UserAddress = BOB, count: int = 1
    ) -> None:
        data = {"id": "ab", "conversation": format_address(conversation), "text": "secret"}

        def job(tx: Any) -> None:
            for _ in range(count):
                events.append(tx, kind, wall(), data)

        await self.database.write(job)

    async def mute(self, conversation: UserAddress, until: float) -> None:
        await self.database.write(lambda tx: chats.mute(tx, conversation, until))

    def visit(self, device: str) -> None:
        """Let a device make one request."""
        self.attendance.began(device)
        self.attendance.ended(device)

    async def row(self, device: str) -> PushRow:
        [found] = [row for row in await self.push.listing() if row.device == device]
        return found

    async def kinds(self) -> list[str]:
        return [event.type for event in (await self.log.page(0, 1000)).events]


@asynccontextmanager
async def waking(
    folder: Path, server: PushServer, seconds: float = SECONDS
) -> AsyncIterator[WakingPart]:
    """One life of a node; another one with the same folder goes on."""
    virtual = Runtime.virtual(1, START).for_part(f"life {trio.current_time()}")
    database = HistoryDatabase(folder / "history.db", virtual.run_blocking)
    log, attendance = EventLog(database), Attendance(virtual, database)
    identity = SigningKey(b"i" * 32)
    tokens, sender = (
        DeviceTokens(virtual, identity, database),
        PushSender(virtual, identity, server, server),
    )
    push = PushCommands(virtual, database, tokens, sender)
    waker = Waker(virtual, database, log, attendance, sender, seconds)
    push.on_change = waker.poke
    tokens.tell_revoked(attendance.forget)
    tokens.load()
    attendance.load()
    try:
        async with trio.open_nursery() as writing:
            writing.start_soon(database.run)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(attendance.run)
                nursery.start_soon(waker.run)
                await trio.testing.wait_all_tasks_blocked()
                yield WakingPart(database, log, tokens, attendance, push, server)
                nursery.cancel_scope.cancel()
            writing.cancel_scope.cancel()
    finally:
        database.close()

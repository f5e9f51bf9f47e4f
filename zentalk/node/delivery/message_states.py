"""Writes down what happened to outbox items and messages, and tells who waits for events.

Events reach readers only after the commit that holds them; the newest stay in memory, so
that whoever follows the log does not read it again and again. Nothing here decides what
happens to a message.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice, takewhile
from typing import Final

import trio

from zentalk.ids import MessageId, NodeId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.store.history import events, messages, outbox
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import MessageState, OutboxItem, StoredEvent
from zentalk.store.retry import until_stored
from zentalk.store.writer import Transaction
from zentalk.wire.text import format_address

MAX_TAIL_EVENTS: Final = 256


class Journal:
    """Durable bookkeeping of the outbox, and the bell that rings for new events."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase) -> None:
        self._runtime = runtime
        self._database = database
        self._held: list[tuple[int, NodeId]] = []
        self._waits: list[tuple[int, str]] = []
        self._wake = trio.Event()
        self._bell = trio.Event()
        self._tail: deque[StoredEvent] = deque(maxlen=MAX_TAIL_EVENTS)
        self._last_seq = database.read_now(events.last_seq)
        database.on_events = self._committed

    async def events(self, after: int, limit: int) -> list[StoredEvent]:
        """Return up to `limit` events with a number above `after`, in order."""
        tail = self._tail
        if after < self._last_seq and (not tail or after < tail[0].seq - 1):
            return await self._database.read(lambda tx: events.page(tx, after, limit))
        await trio.lowlevel.checkpoint()
        newest_first = list(takewhile(lambda event: event.seq > after, reversed(tail)))
        return list(islice(reversed(newest_first), limit))

    async def wait_events(self, after: int) -> None:
        """Return once an event with a number above `after` is committed."""
        await trio.lowlevel.checkpoint()
        while self._last_seq <= after:
            await self._bell.wait()

    def _committed(self, fresh: list[StoredEvent]) -> None:
        self._tail.extend(fresh)
        self._last_seq = fresh[-1].seq
        self._bell.set()
        self._bell = trio.Event()

    def held(self, item: int, relay: NodeId) -> None:
        """Note that a relay holds an item; written soon, by `run`."""
        self._held.append((item, relay))
        self._wake.set()

    def waits(self, item: int, reason: str) -> None:
        """Note why an item that was not sent yet does not leave; written soon, by `run`."""
        self._waits.append((item, reason))
        self._wake.set()

    async def item(self, number: int) -> OutboxItem | None:
        """Read an outbox item with its ciphertext; raises StorageError."""
        return await self._database.read(lambda tx: outbox.get(tx, number))

    async def expired(self, item: OutboxItem) -> None:
        """Give an item up: its time to live is over. Raises StorageError."""

        def job(tx: Transaction) -> None:
            outbox.remove_message(tx, item.contact, item.message_id)
            reason = "not delivered within its time to live"
            self._set_state(tx, item.message_id, item.contact, MessageState.FAILED, reason)

        await self._database.write(job)

    async def run(self) -> None:
        """Write what `held` and `waits` have noted, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            held, self._held = self._held, []
            waits, self._waits = self._waits, []
            job = partial(self._write_noted, held, waits)
            await until_stored(partial(self._database.write, job))

    def _write_noted(
        self, held: list[tuple[int, NodeId]], waits: list[tuple[int, str]], tx: Transaction
    ) -> None:
        for number, relay in held:
            item = outbox.get(tx, number)
            if item is not None and outbox.add_holder(tx, number, relay) is not None:
                self._set_state(tx, item.message_id, item.contact, MessageState.SENT)
        for number, reason in waits:
            item = outbox.get(tx, number)
            if item is not None:
                self._set_state(tx, item.message_id, item.contact, MessageState.QUEUED, reason)

    def _set_state(
        self,
        tx: Transaction,
        message_id: MessageId,
        contact: UserAddress,
        state: MessageState,
        reason: str = "",
    ) -> None:
        if messages.set_state(tx, message_id, contact, state, reason):
            data = {
                "id": message_id.hex(),
                "state": state,
                "conversation": format_address(contact),
            }
            if reason:
                data["reason"] = reason
            events.append(tx, "message.state", self._runtime.wall(), data)

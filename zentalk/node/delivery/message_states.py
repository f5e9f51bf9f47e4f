"""Writes down what happened to outbox items, and to the messages that they carry.

What relays hold is written soon and in batches; nothing here decides what happens to a message.
"""

from __future__ import annotations

from functools import partial

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.states import explain_sent, move
from zentalk.store.history import messages, outbox
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import MessageState, OutboxItem
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction


class MessageStates:
    """Durable bookkeeping of the outbox. `run` must be running."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase, composer: Composer) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._held: list[tuple[int, NodeId]] = []
        self._waits: list[tuple[int, Reason]] = []
        self._taken: list[int] = []
        self._wake = Signal()

    def held(self, item: int, relay: NodeId) -> None:
        """Note that a relay holds an item; written soon, by `run`."""
        self._held.append((item, relay))
        self._wake.set()

    def waits(self, item: int, reason: Reason) -> None:
        """Note why an item that was not sent yet does not leave; written soon, by `run`."""
        self._waits.append((item, reason))
        self._wake.set()

    def taken(self, confirmation: int) -> None:
        """Note that a mailbox relay has taken a confirmation; written by `Reconfirming`."""
        self._taken.append(confirmation)

    def take_noted(self) -> list[int]:
        """Return which confirmations `taken` has noted since the last time."""
        noted, self._taken = self._taken, []
        return noted

    async def item(self, number: int) -> OutboxItem | None:
        """Read an outbox item with its ciphertext; raises StorageError."""
        return await self._database.read(lambda tx: outbox.get(tx, number))

    async def take_up(self) -> tuple[list[OutboxItem], CommitEffects]:
        """Return what is under way at a start, and what its commit allows. Raises StorageError."""

        def job(tx: Transaction) -> tuple[list[OutboxItem], CommitEffects]:
            effects = CommitEffects(needs_session=self._composer.take_up(tx))
            return outbox.under_way(tx), effects

        return await self._database.write(job)

    async def expired(self, item: OutboxItem) -> CommitEffects:
        """Give an item up, with its message: its time to live is over. Raises StorageError."""

        def job(tx: Transaction) -> CommitEffects:
            dropped = outbox.remove_message(tx, item.contact, item.message_id)
            self._move(tx, item, MessageState.FAILED, "not delivered within its time to live")
            ready = self._composer.encrypt_waiting(tx, item.contact)
            return CommitEffects(send=tuple(ready), dropped=tuple(dropped))

        return await self._database.write(job)

    async def run(self) -> None:
        """Write what `held` and `waits` have noted, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            held, self._held = self._held, []
            waits, self._waits = self._waits, []
            job = partial(self._write_noted, held, waits)
            await until_stored(partial(self._database.write, job))

    def _write_noted(
        self, held: list[tuple[int, NodeId]], waits: list[tuple[int, Reason]], tx: Transaction
    ) -> None:
        for number, relay in held:
            item = outbox.get(tx, number)
            if item is not None and outbox.add_holder(tx, number, relay) is not None:
                is_known = messages.has_history(tx, item.contact)
                self._move(
                    tx, item, MessageState.SENT, Reason.NONE if is_known else Reason.NOT_ACCEPTED
                )
        for number, reason in waits:
            item = outbox.get(tx, number)
            if item is None:
                continue
            if reason is Reason.NOT_CONFIRMED:
                explain_sent(tx, item.message_id, item.contact, reason, self._runtime.wall())
            else:
                self._move(tx, item, MessageState.QUEUED, reason)

    def _move(
        self, tx: Transaction, item: OutboxItem, state: MessageState, reason: str = ""
    ) -> None:
        move(tx, item.message_id, item.contact, state, self._runtime.wall(), reason)

"""The mailbox of a running relay: its methods, deposits and tokens, in front of the core.

Spec: docs/spec/mailbox.md. Proofs are verified here, before the core hears of anything.
No task is made per deposit, nothing is answered or acknowledged before its commit, and
no id, key or envelope appears in a log, error or repr.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import MailboxId, NodeId
from zentalk.mailbox import events
from zentalk.mailbox.commands import Answer, CloseCollector, Push, PushToken, Refuse, SendAck
from zentalk.mailbox.core import MailboxStats
from zentalk.mailbox.events import Ticket
from zentalk.mailbox.proof import verify_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore
from zentalk.net.runtime import Runtime
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.mailbox.collectors import CollectorLink, Collectors
from zentalk.relay.mailbox.core_driver import CoreDriver
from zentalk.relay.mailbox.pending_requests import PendingRequests
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import AckRoute, decode_deposit
from zentalk.wire.rpc_poll import POLL, decode_poll, poll_answer_fields

Request = Callable[[CollectorLink, Fields], Awaitable[list[Any]]]
Notify = Callable[[CollectorLink, Fields], None]


class MailboxService:
    """Serves `mail.*` calls, deposits and ack tokens while `run` is running.

    The caller owns `store` and closes it after `run`. `send_ack` gets the routes of
    compact acks whose time has come; `memory` counts mail that is in memory.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: MailboxStore,
        settings: MailboxSettings,
        own_node_id: NodeId,
        send_ack: Callable[[AckRoute], None],
        memory: BudgetAccount,
    ) -> None:
        self._own_node_id = own_node_id
        self._memory = memory
        self._collectors = Collectors()
        self._pending = PendingRequests()
        self._refused: Counter[str] = Counter()

        def leave(command: SendAck) -> None:
            send_ack(command.route)

        self._driver = CoreDriver(
            runtime,
            store,
            settings,
            own_node_id,
            memory,
            {
                Push: self._collectors.push,
                PushToken: self._collectors.push_token,
                CloseCollector: self._collectors.close,
                SendAck: leave,
                Answer: self._pending.answer,
                Refuse: self._pending.refuse,
            },
        )

    # --- for the relay -------------------------------------------------------------------

    def requests(self) -> Mapping[str, Request]:
        """Return the requests answered here, by method."""
        return {
            rpc.OPEN: self._on_open,
            rpc.SEND_IDS: self._on_send_ids,
            rpc.PREKEYS_PUT: self._on_prekeys_put,
            rpc.PREKEYS_COUNT: self._on_prekeys_count,
            rpc.PREKEYS_TAKE: self._on_prekeys_take,
            rpc.STATE: self._on_state,
            POLL: self._on_poll,
        }

    def notifies(self) -> Mapping[str, Notify]:
        """Return the notifications taken here, by method."""
        return {rpc.ACK: self._on_ack}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Load, then serve until cancelled; what is in memory by then is written.

        Raises StorageError if the store cannot be loaded.
        """
        await self._driver.load()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._driver.serve)
                task_status.started()
        finally:
            # What was not acknowledged is written: its owners will ask for it again.
            for event in self._collectors.lose_all():
                self._driver.feed(event)
            await self._driver.finish()
            self._pending.refuse_all("stopping")

    async def loaded(self) -> None:
        """Wait until deposits and requests are taken."""
        await self._driver.loaded()

    def deposit(self, payload: bytes) -> None:
        """Take the payload of onion service 1; what cannot be taken is counted and dropped."""
        if not self._driver.is_running:
            self._refused["refused_starting"] += 1
            return
        try:
            deposit = decode_deposit(payload)
        except DecodeError:
            self._refused["refused_malformed"] += 1
            return
        if not self._memory.has_room(len(deposit.envelope)):
            self._refused["refused_memory"] += 1
            return
        self._driver.feed(events.DepositArrived(deposit))

    def ack_token(self, payload: bytes) -> None:
        """Take the payload of onion service 2; what cannot be taken is counted and dropped."""
        if not self._driver.is_running:
            self._refused["refused_starting"] += 1
            return
        try:
            call = rpc.decode_token_payload(payload)
        except DecodeError:
            self._refused["refused_malformed"] += 1
            return
        self._driver.feed(events.TokenArrived(call.send_id, call.token))

    async def open(
        self, connection: CollectorLink, mailbox: MailboxId, generation: int, window: int
    ) -> list[Any]:
        """Let a connection collect a mailbox whose key it has proved to hold.

        Raises RefusedError with a word of the spec's section 9.
        """
        collector = self._collectors.enter(connection)
        return await self._ask(
            lambda ticket: events.OpenAsked(ticket, collector, mailbox, generation, window)
        )

    def connection_lost(self, connection: CollectorLink) -> None:
        """Take note that a connection ended, whether it collected anything or not."""
        event = self._collectors.lost(connection)
        if event is not None:
            self._driver.feed(event)

    def sweep(self) -> None:
        """Remove expired mail now (the operator's manual trigger)."""
        if self._driver.is_running:
            self._driver.read_clock()
            self._driver.feed(events.SweepAsked())

    def stats(self) -> MailboxStats:
        """Return the counts at this moment, exact; `.coarse()` of it may be shown to others."""
        stats = self._driver.stats()
        stats.counters.update(self._refused)
        return stats

    # --- requests ------------------------------------------------------------------------

    async def _on_open(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_open(fields)
        verify_collect(
            call.mailbox,
            call.signature,
            connection.handshake_hash,
            self._own_node_id,
            call.generation,
        )
        return await self.open(connection, call.mailbox, call.generation, call.window)

    async def _on_send_ids(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_send_ids(fields)
        collector = self._collectors.known(connection)
        return await self._ask(
            lambda ticket: events.SendIdsAsked(ticket, collector, call.add, call.remove)
        )

    async def _on_prekeys_put(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_prekeys_put(fields)
        collector = self._collectors.known(connection)
        return await self._ask(
            lambda ticket: events.PrekeysOffered(ticket, collector, call.blobs, call.replace)
        )

    async def _on_prekeys_count(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        fields.end()
        collector = self._collectors.known(connection)
        return await self._ask(lambda ticket: events.PrekeyCountAsked(ticket, collector))

    async def _on_prekeys_take(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_prekeys_take(fields)
        if not self._collectors.may_take_prekey(connection, call.query_id):
            return [b""]
        return await self._ask(
            lambda ticket: events.PrekeyAsked(ticket, call.send_id, call.query_id)
        )

    async def _on_state(self, _connection: CollectorLink, fields: Fields) -> list[Any]:
        send_id = rpc.decode_state(fields)
        return await self._ask(lambda ticket: events.StateAsked(ticket, send_id))

    async def _on_poll(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        """Give what waits, in an answer as large as asked; before OPEN a small one, of nothing."""
        call = decode_poll(fields)
        await trio.lowlevel.checkpoint()
        collector = self._collectors.find(connection)
        if collector is None and call.large:
            raise RefusedError("closed")  # 16 cells for one, of someone who proved nothing
        queue = self._collectors.poll_queue(connection)
        if collector is not None and call.acked:
            queue.acked(call.acked)
            self._driver.feed(events.AckReceived(collector, call.acked))
        return poll_answer_fields(queue.take(large=call.large), large=call.large)

    def _on_ack(self, connection: CollectorLink, fields: Fields) -> None:
        seqs = rpc.decode_ack(fields)
        collector = self._collectors.find(connection)
        if collector is not None:
            self._driver.feed(events.AckReceived(collector, seqs))

    async def _ask(self, event: Callable[[Ticket], events.Event]) -> list[Any]:
        if not self._driver.is_running:
            raise RefusedError("starting")
        return await self._pending.ask(lambda ticket: self._driver.feed(event(ticket)))

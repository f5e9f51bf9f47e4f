"""The mailbox of a running relay: its methods, deposits and tokens, in front of the core.

Spec: docs/spec/mailbox.md. Proofs are verified here, before the core hears of anything.
No task is made per deposit, nothing is confirmed or acknowledged before its commit, and
no id, key or envelope appears in a log, error or repr.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio

from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import MailboxId, NodeId
from zentalk.mailbox import events
from zentalk.mailbox.commands import CloseCollector, Push, PushToken, Refuse, Respond, SendAck
from zentalk.mailbox.core import MailboxStats
from zentalk.mailbox.events import Admittance, Ticket
from zentalk.mailbox.proof import verify_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore
from zentalk.net.runtime import Runtime
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.mailbox.collectors import CollectorLink, Collectors
from zentalk.relay.mailbox.core_driver import CoreDriver
from zentalk.relay.mailbox.pending_requests import PendingRequests
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_prekeys, rpc_send_ids
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import NO_STAMP, AckRoute, Stamp, decode_deposit
from zentalk.wire.rpc_poll import POLL, decode_poll_request, encode_poll_response
from zentalk.wire.rpc_send_ids import SendIdsRequest

Request = Callable[[CollectorLink, Fields], Awaitable[bytes]]
Notify = Callable[[CollectorLink, Fields], None]


def _a_stranger(_connection: CollectorLink | None) -> Admittance:
    return Admittance.STRANGER


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
        self._admittance_of: Callable[[CollectorLink | None], Admittance] = _a_stranger

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
                Respond: self._pending.respond,
                Refuse: self._pending.refuse,
            },
        )

    # --- for the relay -------------------------------------------------------------------

    def requests(self) -> Mapping[str, Request]:
        """Return what is responded to here, by method."""
        return {
            rpc.OPEN: self._on_open,
            rpc.PRICE: self._on_price,
            rpc.DEFER: self._on_defer,
            rpc_send_ids.SEND_IDS: self._on_send_ids,
            rpc_send_ids.SINKS: self._on_sinks,
            rpc_prekeys.PREKEYS_PUT: self._on_prekeys_put,
            rpc_prekeys.PREKEYS_COUNT: self._on_prekeys_count,
            rpc_prekeys.PREKEYS_TAKE: self._on_prekeys_take,
            rpc_send_ids.STATE: self._on_state,
            POLL: self._on_poll,
        }

    def notifies(self) -> Mapping[str, Notify]:
        """Return the notifications taken here, by method."""
        return {rpc.ACK: self._on_ack}

    def judge_by(self, admittance_of: Callable[[CollectorLink | None], Admittance]) -> None:
        """Let the relay say who may make new mailboxes: by default all are strangers.

        It is asked about a connection, or about nobody in particular.
        """
        self._admittance_of = admittance_of

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
            token = rpc.decode_token_payload(payload)
        except DecodeError:
            self._refused["refused_malformed"] += 1
            return
        self._driver.feed(events.TokenArrived(token.send_id, token.token))

    # --- for owners, whatever they are connected by --------------------------------------

    async def open(
        self,
        connection: CollectorLink,
        mailbox: MailboxId,
        generation: int,
        window: int,
        stamp: Stamp = NO_STAMP,
    ) -> None:
        """Let a connection collect a mailbox whose key it has proved to hold.

        For one that does not exist, with enough work, that may take until the next turn. Raises
        RefusedError with a word of the spec's section 9.
        """
        collector = self._collectors.enter(connection)
        admittance = self._admittance_of(connection)
        await self._result(
            lambda ticket: events.OpenRequested(
                ticket, collector, mailbox, generation, window, stamp, admittance
            )
        )

    async def price(self, connection: CollectorLink | None = None) -> int:
        """Return the bits of work that a new mailbox takes now; raises RefusedError."""
        admittance = self._admittance_of(connection)
        price: int = await self._result(lambda ticket: events.PriceRequested(ticket, admittance))
        return price

    async def change_send_ids(self, connection: CollectorLink, request: SendIdsRequest) -> None:
        """Register and remove send ids of the mailbox that a connection collects.

        Returns once it is stored. Raises RefusedError with a word of the spec's section 9.
        """
        collector = self._collectors.known(connection)
        await self._result(
            lambda ticket: events.SendIdsRequested(ticket, collector, request.add, request.remove)
        )

    def acknowledge(self, connection: CollectorLink, seqs: Sequence[int]) -> None:
        """Let go what an owner has saved; a connection that collects nothing changes nothing."""
        collector = self._collectors.find(connection)
        if collector is not None:
            self._driver.feed(events.AckReceived(collector, tuple(seqs)))

    def defer(self, connection: CollectorLink, seqs: Sequence[int]) -> None:
        """Keep what strangers sent and an owner has no room for until it is asked for anew.

        Nothing is committed, as all comes again when the mailbox is opened. Raises RefusedError
        before that.
        """
        collector = self._collectors.known(connection)
        self._driver.feed(events.DeferReceived(collector, tuple(seqs)))

    def connection_lost(self, connection: CollectorLink) -> None:
        """Take note that a connection ended, whether it collected anything or not."""
        event = self._collectors.lost(connection)
        if event is not None:
            self._driver.feed(event)

    def sweep(self) -> None:
        """Remove expired mail now (the operator's manual trigger)."""
        if self._driver.is_running:
            self._driver.read_clock()
            self._driver.feed(events.SweepRequested())

    @property
    def trouble(self) -> str:
        """The reason why mail cannot be stored at present: `full`, `failing`, or "" if it can."""
        return self._driver.trouble

    def stats(self) -> MailboxStats:
        """Return the counts at this moment, exact; `.coarse()` of it may be shown to others."""
        stats = self._driver.stats()
        stats.counters.update(self._refused)
        return stats

    # --- requests ------------------------------------------------------------------------

    async def _on_open(self, connection: CollectorLink, fields: Fields) -> bytes:
        request = rpc.decode_open_request(fields)
        verify_collect(
            request.mailbox,
            request.signature,
            connection.handshake_hash,
            self._own_node_id,
            request.generation,
        )
        await self.open(
            connection, request.mailbox, request.generation, request.window, request.stamp
        )
        return rpc.encode_open_response()

    async def _on_price(self, connection: CollectorLink, fields: Fields) -> bytes:
        rpc.decode_price_request(fields)
        return rpc.encode_price_response(await self.price(connection))

    async def _on_defer(self, connection: CollectorLink, fields: Fields) -> bytes:
        seqs = rpc.decode_seqs(fields)
        await trio.lowlevel.checkpoint()
        self.defer(connection, seqs)
        return rpc.encode_defer_response()

    async def _on_send_ids(self, connection: CollectorLink, fields: Fields) -> bytes:
        await self.change_send_ids(connection, rpc_send_ids.decode_send_ids_request(fields))
        return rpc_send_ids.encode_send_ids_response()

    async def _on_sinks(self, connection: CollectorLink, fields: Fields) -> bytes:
        await self.change_send_ids(connection, rpc_send_ids.decode_sinks_request(fields))
        return rpc_send_ids.encode_send_ids_response()

    async def _on_prekeys_put(self, connection: CollectorLink, fields: Fields) -> bytes:
        request = rpc_prekeys.decode_prekeys_put_request(fields)
        collector = self._collectors.known(connection)
        pool = await self._result(
            lambda ticket: events.PrekeysPutRequested(
                ticket, collector, request.add, request.remove
            )
        )
        return rpc_prekeys.encode_prekeys_put_response(pool)

    async def _on_prekeys_count(self, connection: CollectorLink, fields: Fields) -> bytes:
        with_ids = rpc_prekeys.decode_prekeys_count_request(fields)
        collector = self._collectors.known(connection)
        count = await self._result(
            lambda ticket: events.PrekeysCountRequested(ticket, collector, with_ids)
        )
        return rpc_prekeys.encode_prekeys_count_response(count)

    async def _on_prekeys_take(self, _connection: CollectorLink, fields: Fields) -> bytes:
        request = rpc_prekeys.decode_prekeys_take_request(fields)
        response = await self._result(
            lambda ticket: events.PrekeyRequested(
                ticket, request.send_id, request.query_id, request.stamp
            )
        )
        return rpc_prekeys.encode_prekeys_take_response(response)

    async def _on_state(self, _connection: CollectorLink, fields: Fields) -> bytes:
        send_id = rpc_send_ids.decode_state_request(fields)
        state = await self._result(lambda ticket: events.StateRequested(ticket, send_id))
        return rpc_send_ids.encode_state_response(state)

    async def _on_poll(self, connection: CollectorLink, fields: Fields) -> bytes:
        """Give what waits, in a response as large as wanted; before OPEN a small, empty one."""
        request = decode_poll_request(fields)
        await trio.lowlevel.checkpoint()
        collector = self._collectors.find(connection)
        if collector is None and request.large:
            raise RefusedError("closed")  # 16 cells for one, of someone who proved nothing
        queue = self._collectors.poll_queue(connection)
        if collector is not None and request.acked:
            queue.acked(request.acked)
            self._driver.feed(events.AckReceived(collector, request.acked))
        return encode_poll_response(queue.take(large=request.large), large=request.large)

    def _on_ack(self, connection: CollectorLink, fields: Fields) -> None:
        self.acknowledge(connection, rpc.decode_seqs(fields))

    async def _result(self, event: Callable[[Ticket], events.Event]) -> Any:
        if not self._driver.is_running:
            raise RefusedError("starting")
        return await self._pending.wait(lambda ticket: self._driver.feed(event(ticket)))

"""The mailbox of a running relay: joins the mailbox core to connections, store and clock.

Spec: docs/spec/mailbox.md. Proofs are verified here, before the core hears of anything.
No task is made per deposit, nothing is answered or acknowledged before its commit, and
no id, key or envelope appears in a log, error or repr.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import trio

from zentalk.errors import DecodeError, LinkClosedError, RefusedError
from zentalk.ids import MailboxId, NodeId
from zentalk.mailbox import events
from zentalk.mailbox.commands import (
    Answer,
    Apply,
    CloseCollector,
    Command,
    Push,
    PushToken,
    Refuse,
    SendAck,
)
from zentalk.mailbox.core import MailboxCore, MailboxStats
from zentalk.mailbox.events import Collector, Ticket
from zentalk.mailbox.proof import verify_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore, Outcome
from zentalk.net.runtime import Runtime
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.mailbox.collector_link import CollectorLink
from zentalk.relay.mailbox.group_commit import MailboxWriter
from zentalk.relay.mailbox.pending_requests import PendingRequests
from zentalk.relay.mailbox.poll_queue import PollQueue
from zentalk.relay.mailbox.prekey_limit import PrekeyLimit
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import AckRoute, decode_deposit
from zentalk.wire.rpc_poll import POLL, decode_poll, poll_answer_fields

TICK_SECONDS: Final = 0.01
"""Deadlines closer together than this are handled at once."""
CLOCK_SECONDS: Final = 60.0
"""How often the wall clock is looked at."""


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
        self._runtime = runtime
        self._store = store
        self._settings = settings
        self._own_node_id = own_node_id
        self._send_ack = send_ack
        self._memory = memory
        self._writer = MailboxWriter(runtime, store, self._finished)
        self._core: MailboxCore | None = None
        self._loaded = trio.Event()
        self._events: deque[events.Event] = deque()
        self._feeding = False
        self._armed = 0.0
        self._earlier = trio.Event()
        self._last_collector = 0
        self._collectors: dict[CollectorLink, Collector] = {}
        self._links: dict[Collector, CollectorLink] = {}
        self._paced: dict[CollectorLink, PollQueue] = {}
        self._prekey_limit = PrekeyLimit()
        self._questions = PendingRequests()
        self._counters: Counter[str] = Counter()
        self._execute: dict[type[Any], Callable[[Any], None]] = {
            Apply: self._writer.put,
            Push: self._push,
            PushToken: self._push_token,
            CloseCollector: self._close_collector,
            SendAck: lambda command: self._send_ack(command.route),
            Answer: self._questions.answer,
            Refuse: self._questions.refuse,
        }

    # --- for the relay -------------------------------------------------------------------

    def requests(self) -> Mapping[str, Request]:
        """Return the questions answered here, by method."""
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
        loaded = await self._runtime.run_blocking(self._store.load)
        self._core = MailboxCore(
            self._settings,
            loaded,
            relay=self._own_node_id,
            wall=self._runtime.wall(),
            now=self._runtime.monotonic(),
            entropy=self._runtime.entropy,
        )
        self._loaded.set()
        self._feed(events.DeadlineReached())
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._writer.run)
                nursery.start_soon(self._keep_deadlines)
                nursery.start_soon(self._watch_clock)
                task_status.started()
        finally:
            await self._finish()

    async def loaded(self) -> None:
        """Wait until deposits and questions are taken."""
        await self._loaded.wait()

    def deposit(self, payload: bytes) -> None:
        """Take the payload of onion service 1; what cannot be taken is counted and dropped."""
        if self._core is None:
            self._counters["refused_starting"] += 1
            return
        try:
            deposit = decode_deposit(payload)
        except DecodeError:
            self._counters["refused_malformed"] += 1
            return
        if not self._memory.has_room(len(deposit.envelope)):
            self._counters["refused_memory"] += 1
            return
        self._feed(events.DepositArrived(deposit))

    def ack_token(self, payload: bytes) -> None:
        """Take the payload of onion service 2; what cannot be taken is counted and dropped."""
        if self._core is None:
            self._counters["refused_starting"] += 1
            return
        try:
            call = rpc.decode_token_payload(payload)
        except DecodeError:
            self._counters["refused_malformed"] += 1
            return
        self._feed(events.TokenArrived(call.send_id, call.token))

    async def open(
        self, connection: CollectorLink, mailbox: MailboxId, generation: int, window: int
    ) -> list[Any]:
        """Let a connection collect a mailbox whose key it has proved to hold.

        Raises RefusedError with a word of the spec's section 9.
        """
        collector = self._collector_of(connection)
        return await self._ask(
            lambda ticket: events.OpenAsked(ticket, collector, mailbox, generation, window)
        )

    def connection_lost(self, connection: CollectorLink) -> None:
        """Take note that a connection ended, whether it collected anything or not."""
        self._paced.pop(connection, None)
        self._prekey_limit.forget(connection)
        collector = self._collectors.pop(connection, None)
        if collector is not None:
            del self._links[collector]
            self._feed(events.CollectorLost(collector))

    def sweep(self) -> None:
        """Remove expired mail now (the operator's manual trigger)."""
        if self._core is not None:
            self._feed(events.WallClockRead(self._runtime.wall()))
            self._feed(events.SweepAsked())

    def stats(self) -> MailboxStats:
        """Return the counts at this moment, exact; `.coarse()` of it may be shown to others."""
        if self._core is None:
            return MailboxStats(0, 0, 0, 0, 0, 0, dict(self._counters))
        stats = self._core.stats()
        stats.counters.update(self._counters)
        stats.counters["commits"] = self._writer.commits
        stats.counters["storage_failures"] = self._writer.failures
        return stats

    # --- questions -----------------------------------------------------------------------

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

    def _collector_of(self, connection: CollectorLink) -> Collector:
        collector = self._collectors.get(connection)
        if collector is None:
            self._last_collector += 1
            collector = Collector(self._last_collector)
            self._collectors[connection] = collector
            self._links[collector] = connection
        return collector

    async def _on_send_ids(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_send_ids(fields)
        collector = self._known_collector(connection)
        return await self._ask(
            lambda ticket: events.SendIdsAsked(ticket, collector, call.add, call.remove)
        )

    async def _on_prekeys_put(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_prekeys_put(fields)
        collector = self._known_collector(connection)
        return await self._ask(
            lambda ticket: events.PrekeysOffered(ticket, collector, call.blobs, call.replace)
        )

    async def _on_prekeys_count(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        fields.end()
        collector = self._known_collector(connection)
        return await self._ask(lambda ticket: events.PrekeyCountAsked(ticket, collector))

    async def _on_prekeys_take(self, connection: CollectorLink, fields: Fields) -> list[Any]:
        call = rpc.decode_prekeys_take(fields)
        if not self._prekey_limit.allows(connection, call.query_id):
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
        collector, paced = self._collectors.get(connection), self._paced.get(connection)
        if collector is None and call.large:
            raise RefusedError("closed")  # 16 cells for one, of someone who proved nothing
        if paced is None:
            if collector is not None:
                raise RefusedError("opened")
            paced = self._paced[connection] = PollQueue()
        if collector is not None and call.acked:
            paced.acked(call.acked)
            self._feed(events.AckReceived(collector, call.acked))
        return poll_answer_fields(paced.take(large=call.large), large=call.large)

    def _on_ack(self, connection: CollectorLink, fields: Fields) -> None:
        seqs = rpc.decode_ack(fields)
        collector = self._collectors.get(connection)
        if collector is not None:
            self._feed(events.AckReceived(collector, seqs))

    def _known_collector(self, connection: CollectorLink) -> Collector:
        collector = self._collectors.get(connection)
        if collector is None:
            raise RefusedError("closed")
        return collector

    async def _ask(self, event: Callable[[Ticket], events.Event]) -> list[Any]:
        if self._core is None:
            raise RefusedError("starting")
        return await self._questions.ask(lambda ticket: self._feed(event(ticket)))

    # --- events and commands -------------------------------------------------------------

    def _feed(self, event: events.Event) -> None:
        """Let the core handle an event, and those that its commands bring about."""
        self._events.append(event)
        core = self._core
        if self._feeding or core is None:
            return
        self._feeding = True
        now = self._runtime.monotonic()
        try:
            while self._events:
                self._execute_all(core.handle(self._events.popleft(), now))
        finally:
            self._feeding = False
            self._memory.set(core.memory_bytes + self._store.memory_bytes)
        if core.next_deadline() < self._armed:
            self._earlier.set()

    def _execute_all(self, commands: list[Command]) -> None:
        for command in commands:
            self._execute[type(command)](command)

    def _finished(self, number: int, outcome: Outcome | None) -> None:
        if outcome is None:
            self._feed(events.ApplyFailed(number))
        else:
            self._feed(events.Applied(number, outcome))

    def _push(self, command: Push) -> None:
        call = rpc.PushCall(command.seq, command.send_id, command.sealed, command.arrived_hour)
        paced = self._paced_of(command.collector)
        if paced is not None:
            paced.push(call)
        else:
            self._notify(command.collector, rpc.encode_push(call))

    def _push_token(self, command: PushToken) -> None:
        call = rpc.TokenCall(command.send_id, command.token)
        paced = self._paced_of(command.collector)
        if paced is not None:
            paced.token(call)
        else:
            self._notify(command.collector, rpc.encode_token(call))

    def _paced_of(self, collector: Collector) -> PollQueue | None:
        """Return what waits for this collector's next poll, None if it takes pushes."""
        connection = self._links.get(collector)
        return None if connection is None else self._paced.get(connection)

    def _notify(self, collector: Collector, body: bytes) -> None:
        connection = self._links.get(collector)
        if connection is None:
            return
        try:
            connection.notify(body)
        except LinkClosedError:
            self.connection_lost(connection)

    def _close_collector(self, command: CloseCollector) -> None:
        connection = self._links.pop(command.collector, None)
        if connection is not None:
            del self._collectors[connection]
            self._paced.pop(connection, None)
            connection.close()

    # --- tasks ---------------------------------------------------------------------------

    async def _keep_deadlines(self) -> None:
        core = self._core
        assert core is not None  # run() made it
        while True:
            self._earlier = trio.Event()
            self._armed = core.next_deadline()
            wait_seconds = max(TICK_SECONDS, self._armed - self._runtime.monotonic())
            with trio.move_on_after(wait_seconds):
                await self._earlier.wait()
            if core.next_deadline() <= self._runtime.monotonic():
                self._feed(events.DeadlineReached())

    async def _watch_clock(self) -> None:
        while True:
            await trio.sleep(CLOCK_SECONDS)
            self._feed(events.WallClockRead(self._runtime.wall()))

    async def _finish(self) -> None:
        """Write what is only in memory: the owners will ask for it again."""
        for connection in list(self._collectors):
            self.connection_lost(connection)
        with trio.CancelScope(shield=True):
            await self._writer.drain()
        self._core = None
        self._questions.refuse_all("stopping")

"""Brings outbox items to their recipients' mailboxes: the shell of the delivery core.

The core says what goes where and when. This module carries out what commits allow, keeps the
core's time, seals copies, sends packets, and tells the core what became of them. It must never
encrypt: a retry that advanced a ratchet would break it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

import trio

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, StorageError, TransportError, UnavailableError
from zentalk.ids import DEPOSIT_ID_BYTES, DepositId, MessageId, NodeId, UserAddress
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery import events as e
from zentalk.node.delivery.core import DeliveryCore
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.proof_of_work import ProofOfWork
from zentalk.node.delivery.recipients import Recipients, RecoveryRequests
from zentalk.node.direct_lines import DirectLines
from zentalk.node.messages.compose import ITEM_KEY_BYTES
from zentalk.node.messages.effects import BestEffortInner, CommitEffects
from zentalk.node.messages.routes import DepositTarget
from zentalk.node.network import NodeNetwork
from zentalk.store.history.models import OutboxItem
from zentalk.store.retry import until_stored
from zentalk.wire.deposit import NO_STAMP, Deposit
from zentalk.wire.ratchet import inner_class
from zentalk.wire.rpc_mailbox import TOKEN_BYTES

BEST_EFFORT_SECONDS: Final = 600.0
"""How long an inner that nobody confirms is sent again without an ack."""
_LEAST_TTL_SECONDS: Final = 3600


class Outbox:
    """Everything on its way from this node. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        network: NodeNetwork,
        states: MessageStates,
        recipients: Recipients,
        recovery: RecoveryRequests,
        lines: DirectLines,
    ) -> None:
        self._runtime = runtime
        self._entropy = runtime.entropy
        self._network = network
        self._packets = network.packets
        self._states = states
        self._recipients = recipients
        self._recovery = recovery
        self._lines = lines
        profile = network.profile
        self._core = DeliveryCore(
            profile.round_trip_seconds,
            recipients.targets,
            self._has_room,
            is_shaped=profile.shape is not None,
        )
        self._work = ProofOfWork(runtime.for_part("postage"), network.tunnels.short)
        self._next_best_effort = 0
        self._wake = Signal()
        self.short_of_send_ids = Signal()
        """A commit has used up the send ids that are kept ready for new contacts."""
        self.fan_out = Signal()
        """A commit has left something that is to go to the members of a group."""
        self.consents = Signal()
        """A commit has changed with whom direct connections are allowed."""
        self._due = math.inf

    def __len__(self) -> int:
        """Return how many items are on their way, best-effort inners among them."""
        return len(self._core)

    def load(self, items: Iterable[OutboxItem]) -> None:
        """Take over what was on its way when the node stopped."""
        for item in items:
            self._tell(e.Resumed(item, self._left(item)))

    async def carry_out(self, effects: CommitEffects) -> None:
        """Do what a commit allows: the one place where a commit sets others to work.

        Routes come before what is sent over them, and confirmations before what is sent again.
        It waits only where the routes of contacts are read again.
        """
        if effects.new_routes:
            await until_stored(partial(self._recipients.learn, effects.new_routes))
        for one in effects.best_effort:
            self.send_best_effort(one)
        if effects.confirmed:
            self.confirmed(effects.confirmed)
        for number in effects.dropped:
            self.withdraw(number)
        for contact in effects.rerouted:
            self._tell(e.Rerouted(contact))
        done = set(effects.confirmed)
        sending = [entry for entry in effects.send if entry.item.item not in done]
        self.add(entry.item for entry in sending)
        for entry in sending:
            for inner in entry.extra:
                self.send_best_effort(BestEffortInner(entry.item.contact, inner))
        for contact in effects.needs_session:
            self._recipients.need_session(contact)
        if effects.in_doubt:
            self._recovery.session_in_doubt()
        self._wake_others(effects)

    def _wake_others(self, effects: CommitEffects) -> None:
        for is_due, signal in (
            (effects.short_of_send_ids, self.short_of_send_ids),
            (effects.fan_out, self.fan_out),
            (effects.consents, self.consents),
        ):
            if is_due:
                signal.set()

    def add(self, items: Iterable[OutboxItem]) -> None:
        """Send items whose ciphertext has just been committed."""
        for item in items:
            self._tell(e.Added(item, self._left(item)))

    def send_best_effort(self, one: BestEffortInner) -> int:
        """Send an inner that nobody will confirm, such as a confirmation; return its number.

        It is kept in memory only, and sent again until a mailbox relay has acknowledged it or
        ten minutes are over. How long it waits first is drawn: it must not tell when this node
        got what it confirms.
        """
        self._next_best_effort -= 1
        wall = self._runtime.wall()
        item = OutboxItem(
            item=self._next_best_effort,
            message_id=MessageId(b""),
            contact=one.contact,
            content=b"",
            envelope=one.inner,
            ratchet_id=None,
            item_key=one.item_key or self._entropy(ITEM_KEY_BYTES),
            created_at=wall,
            expires_at=wall + one.lasts_seconds,
            held_by=frozenset(),
        )
        delay = self._packets.confirmation_delay()
        self._tell(
            e.BestEffortAdded(item, one.lasts_seconds, delay, one.elsewhere, one.confirmation)
        )
        return item.item

    def withdraw(self, number: int) -> None:
        """Send something no more; nothing happens if it is not on its way."""
        self._work.drop(number)
        self._tell(e.GivenUp(number))

    def restarted(self, relays: Collection[NodeId]) -> None:
        """Send what was on its way through relays with new keys once more: it is lost."""
        self._tell(e.Restarted(frozenset(relays)))

    def reroute(self, contact: UserAddress) -> None:
        """Plan what is on its way to somebody anew: the direct connection there has ended."""
        self._tell(e.Rerouted(contact))

    def confirmed(self, items: Iterable[int]) -> None:
        """Forget items that their recipients have confirmed."""
        self._tell(e.Confirmed(tuple(items)))

    def token_received(self, token: bytes) -> None:
        """Take a compact ack: a relay holds the item, or its owner has it."""
        self._tell(e.TokenReturned(token))

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._work.run)
            nursery.start_soon(self._watch_work)
            nursery.start_soon(self._watch_restarts)
            await self._keep_time()

    async def _keep_time(self) -> None:
        while True:
            wait = self._due - self._runtime.monotonic()
            if wait > 0:
                await self._wake.wait(wait)
            else:
                # However much is due at once, others have their turn.
                await trio.lowlevel.checkpoint()
                await self._pass_time()

    async def _pass_time(self) -> None:
        for command in self._core.handle(e.ItemDue(), self._runtime.monotonic()):
            if isinstance(command, e.ReadItem):
                self._tell(await self._read(command))
            elif isinstance(command, e.GiveUp):
                self._tell(await self._give_up(command))
            else:
                self._execute(command)
        self._look_ahead()

    async def _watch_work(self) -> None:
        while True:
            for event in await self._work.news():
                self._tell(event)

    async def _watch_restarts(self) -> None:
        while True:
            self.restarted(await self._packets.fates.restarted_relays())

    async def _read(self, command: e.ReadItem) -> e.Event:
        try:
            item = await self._states.item(command.number)
        except StorageError:
            return e.StorageFailed(command.number, command.ciphertext)
        return e.ItemRead(command.number, command.ciphertext, item)

    async def _give_up(self, command: e.GiveUp) -> e.Event:
        try:
            effects = await self._states.expired(command.item)
        except StorageError:
            return e.StorageFailed(command.item.item, command.ciphertext)
        await self.carry_out(effects)
        return e.GivenUp(command.item.item)

    def _tell(self, event: e.Event) -> None:
        self._handle(event)
        self._look_ahead()

    def _look_ahead(self) -> None:
        due = self._core.next_deadline()
        if due < self._due:
            self._wake.set()
        self._due = due

    def _handle(self, event: e.Event) -> None:
        for command in self._core.handle(event, self._runtime.monotonic()):
            self._execute(command)

    def _execute(self, command: e.Command) -> None:
        """Do what the core asks for; only what needs the database is done elsewhere."""
        match command:
            case e.DepositCopy():
                self._handle(self._deposit(command))
            case e.DropWork(number):
                self._work.drop(number)
            case e.ReportArrived(hops, token):
                self._packets.fates.report_arrived(hops, token)
            case e.NoteHeld() | e.NoteTaken() | e.NoteReason():
                self._note(command)
            case e.ReportLost(hops, token):
                self._packets.fates.report_lost(hops, token)
            case e.WantMailboxes(contact):
                self._recipients.need_targets(contact)
            case e.AskMailbox(target):
                self._ask(target)
            case e.ReportSilence(contact):
                self._recovery.silent(contact)
            case e.ReadItem() | e.GiveUp():
                raise AssertionError("the database is asked only when time has passed")

    def _note(self, command: e.NoteHeld | e.NoteTaken | e.NoteReason) -> None:
        match command:
            case e.NoteHeld(number, relay, contact):
                self._states.held(number, relay)
                self._recovery.heard(contact)
            case e.NoteTaken(confirmation):
                self._states.taken(confirmation)
            case e.NoteReason(number, reason):
                self._states.waits(number, reason)

    def _ask(self, target: DepositTarget | None) -> None:
        self._network.refresh_soon()
        if target is not None:
            self._work.silent(target)

    def _deposit(self, command: e.DepositCopy) -> e.Event:
        """Send one copy, if what its mailbox asks of us is done."""
        number, target = command.item.item, command.target
        try:
            sealed = self._sealed(command.item, target, command.expires)
        except AuthenticationError:
            return e.DepositFailed(number, target.relay)
        token = None if command.is_last else self._entropy(TOKEN_BYTES)
        # Strangers know public send ids too: a line takes nothing under them.
        line = None if target.public else self._lines.standing.get(command.item.contact)
        if line is not None and line.carry(sealed, token):
            return e.Deposited(number, target.relay, (), token, costly=False, doubtful=False)
        made = sealed if command.is_last else self._work.stamped(number, target, sealed)
        if made is None:
            until = self._work.next_look(target, sealed)
            is_full = self._work.closed(target, sealed)
            return e.PutOff(number, target.relay, until, is_full)
        try:
            hops, token = self._packets.send_deposit(target.relay, made, token)
        except (UnavailableError, TransportError):
            return e.DepositFailed(number, target.relay)
        costly = made.stamp != NO_STAMP
        if costly:
            self._work.used(number, target)
        doubtful = self._packets.fates.looks_lost(hops)
        return e.Deposited(number, target.relay, hops, token, costly, doubtful)

    def _sealed(self, item: OutboxItem, target: DepositTarget, expires: float) -> Deposit:
        """Seal a copy for one mailbox; raises AuthenticationError if its key is not usable."""
        # No longer than anybody may ask for, also when the clock was set back before a start.
        left = int(expires - self._runtime.monotonic())
        deposit_id = blake2b_256(Label.DEPOSIT_ID, item.item_key, target.relay)[:DEPOSIT_ID_BYTES]
        return Deposit(
            send_id=target.send_id,
            deposit_id=DepositId(deposit_id),
            ttl_seconds=min(max(_LEAST_TTL_SECONDS, left), MAX_TTL_SECONDS),
            ack=None,
            envelope=target.seal(item.envelope or b"", self._entropy),
        )

    def _has_room(self, inner: bytes, relay: NodeId) -> bool:
        return self._packets.has_room(inner_class(inner), relay)

    def _left(self, item: OutboxItem) -> float:
        return item.expires_at - self._runtime.wall()

"""Brings outbox items to their recipients' mailboxes until they are confirmed.

The rules of when and where are in `schedule`. This module seals copies, sends packets, and
listens for acks. It must never encrypt: a retry that advanced a ratchet would break it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import trio

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import AuthenticationError, StorageError, TransportError, UnavailableError
from zentalk.ids import DEPOSIT_ID_BYTES, DepositId, MessageId, NodeId, SendId, UserAddress
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.in_flight import AwaitedAck, InFlight
from zentalk.node.delivery.message_states import Journal
from zentalk.node.delivery.proof_of_work import ProofOfWork
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.delivery.retry_schedule import Schedule
from zentalk.node.delivery.timers import Timers
from zentalk.node.delivery.window import Window
from zentalk.node.messages.compose import ITEM_KEY_BYTES
from zentalk.node.messages.routes import DepositTarget
from zentalk.node.network import NodeNetwork
from zentalk.onion.packet import DEPOSIT
from zentalk.store.history.models import OutboxItem
from zentalk.wire.deposit import (
    ACK_BYTES,
    ENVELOPE_LARGE_BYTES,
    NO_STAMP,
    Deposit,
    encode_deposit,
)
from zentalk.wire.inner import INNER_LARGE_BYTES
from zentalk.wire.rpc_mailbox import TOKEN_BYTES

MAX_COURTESIES: Final = 4_096
"""Inners kept in memory until a relay has acknowledged them; more are sent once."""
COURTESY_SECONDS: Final = 600.0
MAX_TOKENS: Final = 16_384
MAX_ENVELOPES_IN_MEMORY: Final = 1_024
"""Items whose ciphertext stays in memory; those of others are read again when due."""
NO_ROOM_SECONDS: Final = 1.0
"""Where everything leaves at ticks: how soon what found no room is tried again."""
STORAGE_RETRY_SECONDS: Final = 5.0
MAILBOXES_FULL: Final = "the recipient's mailboxes are full: it goes out once there is room"


class Outbox:
    """Everything on its way from this node. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        network: NodeNetwork,
        journal: Journal,
        recipients: Recipients,
        ack_points: Callable[[], dict[NodeId, SendId]],
    ) -> None:
        self._runtime = runtime
        self._entropy = runtime.entropy
        self._network = network
        self._journal = journal
        self._recipients = recipients
        self._ack_points = ack_points
        self._entries: dict[int, InFlight] = {}
        self._timers = Timers(runtime)
        self._window = Window()
        self._tokens: OrderedDict[bytes, AwaitedAck] = OrderedDict()
        self._preferred: dict[UserAddress, NodeId] = {}
        self._round_trip = network.profile.round_trip_seconds
        self._courtesies = 0
        self._next_courtesy = 0
        self._ciphertexts = 0
        self._postage = ProofOfWork(
            runtime.for_part("postage"), network.tunnel, self._answered, self._stamped
        )
        self.on_silence: Callable[[UserAddress], None] = lambda _contact: None

    def load(self, items: Iterable[OutboxItem]) -> None:
        """Take over what was on its way when the node stopped."""
        for item in items:
            self._enter(replace(item, envelope=None))
            self._timers.plan(item.item, self._runtime.monotonic())

    def add(self, items: Iterable[OutboxItem]) -> None:
        """Send items whose ciphertext has just been committed."""
        for item in items:
            # Neither an ack of an earlier ciphertext nor work done for it counts for this one.
            self._ciphertexts += 1
            entry = self._enter(item, ciphertext=self._ciphertexts)
            for target in self._recipients.targets(item.contact):
                self._postage.used(item.item, target)
            self._attempt(entry, self._runtime.monotonic())

    def send_courtesy(self, contact: UserAddress, inner: bytes, *, elsewhere: bool = False) -> None:
        """Send an inner that nobody will confirm, such as a confirmation.

        It is kept in memory only, and sent again until a mailbox relay has acknowledged it or
        ten minutes are over. `elsewhere` begins with another mailbox than the preferred one. How
        long it waits first is drawn: it must not tell when this node got what it confirms.
        """
        self._next_courtesy -= 1
        now, wall = self._runtime.monotonic(), self._runtime.wall()
        item = OutboxItem(
            item=self._next_courtesy,
            message_id=MessageId(b""),
            contact=contact,
            content=b"",
            envelope=inner,
            ratchet_id=None,
            item_key=self._entropy(ITEM_KEY_BYTES),
            created_at=wall,
            expires_at=wall + COURTESY_SECONDS,
            held_by=frozenset(),
        )
        if self._courtesies >= MAX_COURTESIES:
            for target in self._ordered(contact)[:1]:
                with suppress(AuthenticationError):
                    self._deposit(target.relay, self._sealed(item, target, now), None)
            return
        self._courtesies += 1
        entry = self._enter(item, is_courtesy=True, elsewhere=elsewhere)
        delay = self._network.confirmation_delay()
        if delay:
            self._timers.plan(item.item, now + delay)
        else:
            self._attempt(entry, now)

    def reroute(self, contact: UserAddress) -> None:
        """A contact's mailboxes have changed: plan its items anew."""
        for entry in self._entries.values():
            if entry.item.contact == contact:
                entry.schedule = None
                self._timers.plan(entry.item.item, self._runtime.monotonic())

    def restarted(self, relays: Collection[NodeId]) -> None:
        """Relays have new keys: what was on its way through them is lost, and goes once more."""
        now = self._runtime.monotonic()
        for number, entry in self._entries.items():
            if entry.schedule is None or not any(hop in relays for hop in entry.hops):
                continue
            if entry.schedule.lost(entry.hops[-1], now):
                entry.hops = ()  # that packet's fate is known, and holds nothing against anybody
                self._timers.plan(number, now)

    def confirmed(self, items: Iterable[int]) -> None:
        """The recipient has saved these items: forget them."""
        now = self._runtime.monotonic()
        for number in items:
            entry = self._forget(number)
            if entry is None or entry.schedule is None:
                continue
            if entry.schedule.needed_second(now):
                self._prefer_another(entry)
            else:
                self._round_trip += (now - entry.schedule.started_at - self._round_trip) / 8
                if entry.hops:
                    # Without the token: a confirmation says nothing of the ack's own path.
                    self._network.report_arrived(entry.hops)

    def token_received(self, token: bytes) -> None:
        """A compact ack came back: a relay holds the item, or its owner has it."""
        sent = self._tokens.pop(token, None)
        if sent is None:
            return
        self._network.report_arrived(sent.hops, token)
        entry = self._entries.get(sent.item)
        if entry is None or entry.ciphertext != sent.ciphertext:
            return
        if entry.is_courtesy:
            self._drop_courtesy(entry)
            return
        if entry.schedule is not None:
            entry.schedule.held(sent.relay, self._runtime.monotonic())
        self._journal.held(sent.item, sent.relay)

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._postage.run)
            await self._keep_sending()

    async def _keep_sending(self) -> None:
        while True:
            number, now = await self._timers.next_due()
            entry = self._entries.get(number)
            if entry is not None:
                await self._due(entry, now)

    async def _due(self, entry: InFlight, now: float) -> None:
        if now >= entry.expires:
            if entry.is_courtesy:
                self._drop_courtesy(entry)
            else:
                await self._expire(entry, now)
            return
        if entry.schedule is not None and entry.schedule.next_deadline() > now:
            # Its relay acknowledged it, or another relay's turn came first.
            self._timers.plan(entry.item.item, entry.schedule.next_deadline())
            return
        if entry.item.envelope is None and not await self._read_envelope(entry, now):
            return
        self._attempt(entry, now)
        if len(self._entries) > MAX_ENVELOPES_IN_MEMORY and not entry.is_courtesy:
            entry.item = replace(entry.item, envelope=None)

    async def _expire(self, entry: InFlight, now: float) -> None:
        """Give an item up, or try that again when the disk is back."""
        number = entry.item.item
        try:
            await self._journal.expired(entry.item)
        except StorageError:
            if self._entries.get(number) is entry:
                self._timers.plan(number, now + STORAGE_RETRY_SECONDS)
            return
        self._forget(number)

    async def _read_envelope(self, entry: InFlight, now: float) -> bool:
        """Read an item's ciphertext; False if there is nothing to be sent now."""
        number = entry.item.item
        try:
            stored = await self._journal.item(number)
        except StorageError:
            if self._entries.get(number) is entry:
                self._timers.plan(number, now + STORAGE_RETRY_SECONDS)
            return False
        if self._entries.get(number) is not entry:
            return False  # confirmed while it was being read
        if stored is None or stored.envelope is None:
            self._forget(number)
            if stored is not None:
                self._recipients.need_ratchet(entry.item.contact)
            return False
        entry.item = stored
        return True

    def _attempt(self, entry: InFlight, now: float) -> None:
        """Deposit an item wherever it is due, and plan the next time."""
        item = entry.item
        targets = self._ordered(item.contact)
        if not targets or item.envelope is None:
            self._recipients.need_targets(item.contact)
            self._timers.plan(item.item, now + 1.0)
            return
        if not self._network.has_room(large=len(item.envelope) == INNER_LARGE_BYTES):
            self._timers.plan(item.item, now + NO_ROOM_SECONDS)
            return
        if not entry.is_courtesy and not self._window.admits(item.contact, item.item):
            entry.item = replace(item, envelope=None)
            self._timers.plan(item.item, entry.expires)
            return
        by_relay = {target.relay: target for target in targets}
        if entry.schedule is None:
            order = tuple(reversed(by_relay)) if entry.elsewhere else tuple(by_relay)
            entry.schedule = Schedule(
                order, now, self._round_trip, item.held_by, patient=entry.is_courtesy
            )
        for relay in entry.schedule.due(now):
            self._report_silence(entry, by_relay.get(relay), relay, now)
            self._try(entry, entry.schedule, by_relay.get(relay), relay, now)
        if not entry.noted and all(self._postage.closed(target) for target in targets):
            entry.noted = True
            self._journal.waits(item.item, MAILBOXES_FULL)
        self._timers.plan(item.item, entry.schedule.next_deadline())

    def _try(
        self,
        entry: InFlight,
        schedule: Schedule,
        target: DepositTarget | None,
        relay: NodeId,
        now: float,
    ) -> None:
        """Deposit an item at one relay, if what that relay asks of us is done."""
        if target is None:
            schedule.failed(relay, now)
            return
        number = entry.item.item
        try:
            seal = partial(self._sealed, entry.item, target, entry.expires)
            made = self._postage.stamped(number, target, seal)
        except AuthenticationError:
            schedule.failed(relay, now)
            return
        if made is None:
            entry.hops = ()
            schedule.put_off(relay, self._postage.next_look(target), now)
        elif self._deposit(target.relay, made, entry):
            self._postage.used(number, target)
            schedule.sent(relay, now, costly=made.stamp != NO_STAMP)
        else:
            schedule.failed(relay, now)

    def _enter(self, item: OutboxItem, **more: Any) -> InFlight:
        left = item.expires_at - self._runtime.wall()
        self._entries[item.item] = InFlight(item, self._runtime.monotonic() + left, **more)
        return self._entries[item.item]

    def _sealed(self, item: OutboxItem, target: DepositTarget, expires: float) -> Deposit:
        """Seal a copy for one mailbox; raises AuthenticationError if its key is not usable."""
        # No longer than anybody may ask for, also when the clock was set back before a start.
        left = min(max(3600, int(expires - self._runtime.monotonic())), MAX_TTL_SECONDS)
        deposit_id = blake2b_256(Label.DEPOSIT_ID, item.item_key, target.relay)[:DEPOSIT_ID_BYTES]
        return Deposit(
            send_id=target.send_id,
            deposit_id=DepositId(deposit_id),
            ttl_seconds=left,
            ack=None,
            envelope=target.seal(item.envelope or b"", self._entropy),
        )

    def _forget(self, number: int) -> InFlight | None:
        """Drop an item that is done, and let the next one of its contact go."""
        entry = self._entries.pop(number, None)
        self._timers.drop(number)
        if entry is not None:
            following = self._window.left(entry.item.contact, number)
            if following in self._entries:
                self._timers.plan(following, self._runtime.monotonic())
        return entry

    def _drop_courtesy(self, entry: InFlight) -> None:
        self._courtesies -= 1
        self._entries.pop(entry.item.item, None)
        self._timers.drop(entry.item.item)

    def _report_silence(
        self, entry: InFlight, target: DepositTarget | None, relay: NodeId, now: float
    ) -> None:
        """A retry is due, so the last packet may be lost: paths should avoid its relays."""
        if entry.hops and entry.hops[-1] == relay:
            self._network.report_lost(entry.hops, entry.token)
        if entry.schedule is not None and entry.schedule.ack_overdue(relay, now):
            self._network.refresh_soon()
            if target is not None:
                self._postage.silent(target)
            if entry.schedule.is_silent(now):
                self.on_silence(entry.item.contact)

    def _answered(self, relay: NodeId, send_id: SendId) -> None:
        """A mailbox has told what it asks of us: look at what waits for it."""
        for entry in self._entries.values():
            targets = self._recipients.targets(entry.item.contact)
            if any((target.relay, target.send_id) == (relay, send_id) for target in targets):
                self._stamped(entry.item.item, relay)

    def _stamped(self, number: int, relay: NodeId) -> None:
        entry = self._entries.get(number)
        if entry is not None and entry.schedule is not None:
            now = self._runtime.monotonic()
            entry.schedule.ready(relay, now)
            self._timers.plan(number, now)

    def _deposit(self, relay: NodeId, made: Deposit, entry: InFlight | None) -> bool:
        """Queue one deposit; False if nothing could be sent now. No ack without an entry."""
        token = self._entropy(TOKEN_BYTES)
        points = self._ack_points() if entry is not None else {}
        try:
            ack = self._network.ack_route(relay, points, token) if points else None
            payload = encode_deposit(
                replace(made, ack=ack), filler=b"" if ack else self._entropy(ACK_BYTES)
            )
            hops = self._network.send(
                relay,
                DEPOSIT,
                payload,
                large=len(made.envelope) == ENVELOPE_LARGE_BYTES,
                token=token if ack is not None else None,
            )
        except (UnavailableError, TransportError):
            return False
        if entry is not None:
            entry.hops, entry.token = hops, token
            if ack is not None:
                self._tokens[token] = AwaitedAck(entry.item.item, entry.ciphertext, relay, hops)
                if len(self._tokens) > MAX_TOKENS:
                    self._tokens.popitem(last=False)
        return True

    def _ordered(self, contact: UserAddress) -> tuple[DepositTarget, ...]:
        """Return a contact's mailboxes, the one that answered best first."""
        first, targets = self._preferred.get(contact), self._recipients.targets(contact)
        return tuple(sorted(targets, key=lambda item: item.relay != first))

    def _prefer_another(self, entry: InFlight) -> None:
        """The preferred mailbox was slow or dead: begin with the other one next time."""
        targets = self._ordered(entry.item.contact)
        if len(targets) > 1:
            self._preferred[entry.item.contact] = targets[1].relay

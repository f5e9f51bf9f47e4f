"""The outbox between states, recipients and a network that are doubles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from zentalk.crypto import x25519
from zentalk.errors import StorageFullError, UnavailableError
from zentalk.ids import MessageId, NodeId, SendId, UserAddress
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.node.delivery.core import STORAGE_RETRY_SECONDS
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.proof_of_work import _Known, _Place
from zentalk.node.direct_lines import DirectLines
from zentalk.node.messages.effects import NO_EFFECTS, BestEffortInner, CommitEffects
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.routes import DepositTarget, open_from_public
from zentalk.node.profiles import PROFILES
from zentalk.store.history.models import OutboxItem
from zentalk.wire.deposit import Deposit, envelope_class
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.ratchet import INNER_SMALL_BYTES

WALL = 1_800_000_000.0
BOB = UserAddress(b"b" * 32)
RELAY = NodeId(b"r" * 32)


def item(number: int, ttl_seconds: float = 86_400.0) -> OutboxItem:
    return OutboxItem(
        item=number,
        message_id=MessageId(bytes(16)),
        contact=BOB,
        content=b"",
        envelope=bytes(INNER_SMALL_BYTES),
        ratchet_id=b"",
        item_key=bytes(16),
        created_at=WALL,
        expires_at=WALL + ttl_seconds,
        held_by=frozenset(),
    )


class Doubles:
    """States, recipients and network; `failing` counts how often the disk is still full."""

    def __init__(self) -> None:
        self.items: dict[int, OutboxItem] = {}
        self.deposits: list[Deposit] = []
        self.expired_items: list[int] = []
        self.failing = 0
        self.while_reading: Callable[[], None] = lambda: None

    def _touch_disk(self) -> None:
        if self.failing:
            self.failing -= 1
            raise StorageFullError("full")

    # Of the states.

    async def item(self, number: int) -> OutboxItem | None:
        await trio.lowlevel.checkpoint()
        self._touch_disk()
        found = self.items.get(number)
        self.while_reading()
        return found

    async def expired(self, gone: OutboxItem) -> CommitEffects:
        await trio.lowlevel.checkpoint()
        self._touch_disk()
        self.expired_items.append(gone.item)
        return NO_EFFECTS

    def held(self, number: int, relay: NodeId) -> None:
        """Nobody asks."""

    def waits(self, number: int, reason: Reason) -> None:
        """Nobody asks."""

    # Of the recipients.

    targets = {BOB: (DepositTarget(RELAY, SendId(b"s" * 16), b"k" * 32, public=False),)}

    def need_session(self, contact: UserAddress) -> None:
        """Nobody asks."""

    # Of the requests for recovery.

    def silent(self, contact: UserAddress) -> None:
        """Nobody asks."""

    # Of the network.

    profile = PROFILES["fast"]

    @property
    def packets(self) -> Doubles:
        return self

    fates = tunnels = packets

    def has_room(self, packet_class: PacketClass, relay: NodeId) -> bool:
        return packet_class is PacketClass.SMALL

    async def restarted_relays(self) -> frozenset[NodeId]:
        await trio.sleep_forever()
        raise AssertionError

    def confirmation_delay(self) -> float:
        return 0.0

    def send_deposit(
        self, _relay: NodeId, deposit: Deposit, _token: bytes | None
    ) -> tuple[tuple[NodeId, ...], bytes | None]:
        assert deposit.ack is None
        assert envelope_class(deposit.envelope) is PacketClass.SMALL
        self.deposits.append(deposit)
        return (), None

    def report_arrived(self, *_arguments: object) -> None:
        """Nobody asks."""

    report_lost = report_arrived

    def looks_lost(self, _hops: tuple[NodeId, ...]) -> bool:
        return False

    def refresh_soon(self) -> None:
        """Nobody asks."""

    def short(self, _relay: NodeId) -> Any:
        raise UnavailableError("no tunnel")


def outbox_over(doubles: Any, wall: float = WALL) -> Outbox:
    runtime = replace(Runtime.virtual(1, wall), wall=lambda: wall + trio.current_time())
    return Outbox(runtime, doubles, doubles, doubles, doubles, DirectLines())


async def test_what_was_given_up_with_its_recipient_is_not_sent_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = Doubles()
    outbox = outbox_over(doubles)
    nursery.start_soon(outbox.run)
    outbox.add([item(1)])
    await outbox.carry_out(CommitEffects(dropped=(1,)))
    sent = len(doubles.deposits)
    await trio.sleep(60)
    assert (sent, len(doubles.deposits), len(outbox)) == (1, 1, 0)
    nursery.cancel_scope.cancel()


async def test_what_is_confirmed_while_it_is_being_read_is_not_sent(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Both tasks wait for the database: the confirmation may be the first to come back."""
    doubles = Doubles()
    outbox = outbox_over(doubles)
    doubles.items = {1: item(1), 2: item(2)}
    doubles.while_reading = lambda: outbox.confirmed([1])
    outbox.load(doubles.items.values())
    nursery.start_soon(outbox.run)
    await trio.sleep(0.5)
    assert len(doubles.deposits) == 1
    nursery.cancel_scope.cancel()


async def test_a_full_disk_delays_what_must_be_read_or_given_up(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = Doubles()
    outbox = outbox_over(doubles)
    doubles.items = {1: item(1), 2: item(2, ttl_seconds=-1)}
    doubles.failing = 4
    outbox.load(doubles.items.values())
    nursery.start_soon(outbox.run)
    await trio.sleep(STORAGE_RETRY_SECONDS - 1)
    assert (doubles.deposits, doubles.expired_items) == ([], [])
    await trio.sleep(3 * STORAGE_RETRY_SECONDS)
    assert doubles.deposits
    assert doubles.expired_items == [2]
    nursery.cancel_scope.cancel()


class UnderFlood(Doubles):
    """Its one mailbox asks strangers for a little work; nobody says so twice."""

    key = x25519.generate(seeded_entropy(b"deposit key"))
    targets = {BOB: (DepositTarget(RELAY, SendId(b"s" * 16), key.public, public=True),)}


async def test_work_is_not_spent_on_a_ciphertext_that_another_has_replaced(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Its reader has lost what would read it, and the relay's ack would speak for the other."""
    doubles = UnderFlood()
    outbox = outbox_over(doubles)
    place = _Place(RELAY, SendId(b"s" * 16))
    outbox._work._known[place] = _Known(small=1, until=1e9)
    outbox.add([item(1)])
    assert doubles.deposits == []
    fresh = b"\1" * INNER_SMALL_BYTES
    outbox.add([replace(item(1), envelope=fresh)])
    nursery.start_soon(outbox.run)
    await trio.sleep(0.5)
    [deposit] = doubles.deposits
    sealed = deposit.envelope
    assert open_from_public(doubles.key.secret, sealed) == fresh
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("years", [-50, 0])
async def test_a_clock_that_was_set_back_asks_for_no_more_than_the_longest_time(
    autojump_clock: MockClock, years: int
) -> None:
    doubles = Doubles()
    outbox = outbox_over(doubles, WALL + years * 365 * 86_400.0)
    outbox.add([item(1)])
    [deposit] = doubles.deposits
    assert deposit.ttl_seconds == (86_400 if years == 0 else MAX_TTL_SECONDS)


async def later_copies(nursery: trio.Nursery, *, is_withdrawn: bool) -> int:
    """Return how often a best-effort inner without ack goes after its first copy."""
    doubles = Doubles()
    outbox = outbox_over(doubles)
    nursery.start_soon(outbox.run)
    number = outbox.send_best_effort(BestEffortInner(BOB, bytes(INNER_SMALL_BYTES)))
    await trio.sleep(0.1)
    assert len(doubles.deposits) == 1
    if is_withdrawn:
        outbox.withdraw(number)
        assert len(outbox) == 0
    await trio.sleep(60)
    return len(doubles.deposits) - 1


async def test_what_is_withdrawn_is_not_sent_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    assert await later_copies(nursery, is_withdrawn=True) == 0
    assert await later_copies(nursery, is_withdrawn=False) > 0, "control"
    nursery.cancel_scope.cancel()

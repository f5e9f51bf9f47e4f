"""Copies that go to a contact directly: at once, bounded, and never instead of a mailbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.delivery import test_core as cores
from tests.node.delivery.test_outbox import BOB, RELAY, WALL, Doubles, item
from zentalk.ids import DepositId, NodeId, SendId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.events import Confirmed, Deposited, ReportLost, Restarted
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.direct_lines import (
    MAX_QUEUED,
    DirectCopy,
    DirectLine,
    DirectLines,
)
from zentalk.node.messages.effects import BestEffortInner
from zentalk.node.messages.routes import DepositTarget
from zentalk.store.history.models import OutboxItem
from zentalk.wire.deposit import Deposit

CAROL = UserAddress(b"c" * 32)
SEND_ID = SendId(b"s" * 16)


class WithMailbox(Doubles):
    """Bob has told where he collects; what arrived, and what is said to be held, is noted."""

    targets = {BOB: (DepositTarget(RELAY, SEND_ID, b"k" * 32, public=False),)}

    def __init__(self) -> None:
        super().__init__()
        self.held_items: list[int] = []
        self.arrived: list[tuple[object, ...]] = []

    def held(self, number: int, relay: NodeId) -> None:
        self.held_items.append(number)

    def heard(self, contact: UserAddress) -> None:
        """Nobody asks."""

    def report_arrived(self, *arguments: object) -> None:
        self.arrived.append(arguments)


class PublicMailbox(WithMailbox):
    """Of bob only the record is known."""

    targets = {BOB: (DepositTarget(RELAY, SEND_ID, b"\x09" + bytes(31), public=True),)}


def taken(line: DirectLine) -> list[DirectCopy]:
    """Return all that waits in a line; never more than fits in."""
    found = [line.take() for _ in range(MAX_QUEUED + 1)]
    assert found[-1] is None
    return [copy for copy in found if copy is not None]


def outbox_with(doubles: Any) -> tuple[Outbox, DirectLines]:
    lines = DirectLines()
    runtime = Runtime.virtual(1, WALL)
    return Outbox(runtime, doubles, doubles, doubles, doubles, lines), lines


def numbered(number: int) -> OutboxItem:
    return replace(item(number), item_key=number.to_bytes(16, "big"))


async def test_what_can_go_directly_goes_to_no_mailbox(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    nursery.start_soon(outbox.run)
    line = lines.open(BOB)
    outbox.add([item(1)])
    [copy] = taken(line)
    assert (copy.send_id, doubles.deposits) == (SEND_ID, [])
    assert copy.token is not None
    assert repr(copy) == "<direct copy>"
    outbox.token_received(copy.token)
    assert doubles.held_items == [1]
    assert doubles.arrived == [((), copy.token)], "no relay is praised for it"
    outbox.confirmed([1])
    await trio.sleep(60)
    assert (taken(line), doubles.deposits, len(outbox)) == ([], [], 0)
    nursery.cancel_scope.cancel()


async def test_b14_what_is_on_its_way_when_a_line_ends_goes_to_a_mailbox_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    nursery.start_soon(outbox.run)
    line = lines.open(BOB)
    outbox.add([numbered(1), numbered(2)])
    outbox.send_best_effort(BestEffortInner(BOB, bytes(len(item(1).envelope or b""))))
    [first, *_] = taken(line)
    assert first.token is not None
    lines.close(BOB, line)
    began = trio.current_time()
    outbox.reroute(BOB)
    await trio.sleep(0.01)
    assert len(doubles.deposits) == 3
    assert trio.current_time() - began < 0.1
    nursery.cancel_scope.cancel()


async def test_control_without_the_reroute_it_waits_for_its_retry(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    nursery.start_soon(outbox.run)
    line = lines.open(BOB)
    outbox.add([item(1)])
    lines.close(BOB, line)
    await trio.sleep(0.5)
    assert doubles.deposits == []
    await trio.sleep(60)
    assert doubles.deposits, "nothing is lost without it either"
    nursery.cancel_scope.cancel()


async def test_a_line_never_keeps_the_only_copy(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """A line that takes everything and answers for nothing, as a node that hangs."""
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    nursery.start_soon(outbox.run)
    line = lines.open(BOB)
    outbox.add([item(1)])
    await trio.sleep(60)
    assert len(taken(line)) > 1, "it is due again and again"
    lines.close(BOB, line)
    outbox.reroute(BOB)
    await trio.sleep(0.1)
    assert len(doubles.deposits) == 1
    nursery.cancel_scope.cancel()


async def test_under_a_public_send_id_nothing_goes_directly(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """The other side would refuse it: anybody might have put it there."""
    doubles = PublicMailbox()
    outbox, lines = outbox_with(doubles)
    line = lines.open(BOB)
    outbox.add([item(1)])
    await trio.lowlevel.checkpoint()
    assert (taken(line), len(doubles.deposits)) == ([], 1)


async def test_what_is_refused_goes_to_a_mailbox_the_next_time(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    nursery.start_soon(outbox.run)
    line = lines.open(BOB)
    outbox.add([item(1)])
    [copy] = taken(line)
    line.refuse(copy.send_id)
    await trio.sleep(10)
    assert taken(line) == []
    assert doubles.deposits
    nursery.cancel_scope.cancel()


async def test_control_what_is_refused_without_a_note_of_it_never_gets_to_a_mailbox(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectLine, "refuse", lambda _line, _send_id: None)
    with pytest.raises(AssertionError):
        await test_what_is_refused_goes_to_a_mailbox_the_next_time(autojump_clock, nursery)
    nursery.cancel_scope.cancel()


async def test_a_full_line_takes_no_more_and_relays_carry_the_rest(
    autojump_clock: MockClock,
) -> None:
    doubles = WithMailbox()
    outbox, lines = outbox_with(doubles)
    line = lines.open(BOB)
    copy = DirectCopy(SEND_ID, b"e", None)
    deposit = Deposit(copy.send_id, DepositId(b"d" * 16), 3600, None, copy.envelope)
    assert all(line.carry(deposit, None) for _ in range(MAX_QUEUED))
    assert not line.carry(deposit, None)
    outbox.add([item(1)])
    assert len(doubles.deposits) == 1
    assert len(taken(line)) == MAX_QUEUED
    await trio.lowlevel.checkpoint()


def test_copies_leave_in_their_order_and_wake_who_takes_them() -> None:
    line = DirectLine()
    copies = [DirectCopy(SEND_ID, bytes([n]), None) for n in range(3)]
    assert not line.wake.is_set()
    for copy in copies:
        line.carry(Deposit(SEND_ID, DepositId(b"d" * 16), 3600, None, copy.envelope), None)
    assert line.wake.is_set()
    assert taken(line) == copies


def carried(lines: DirectLines, contact: UserAddress, deposit: Deposit) -> bool:
    line = lines.standing.get(contact)
    return line is not None and line.carry(deposit, b"t")


def test_the_newer_line_gets_everything_and_the_end_of_the_older_changes_nothing() -> None:
    lines = DirectLines()
    older, newer = lines.open(BOB), lines.open(BOB)
    sealed = Deposit(SEND_ID, DepositId(b"d" * 16), 3600, None, b"e")
    assert carried(lines, BOB, sealed)
    lines.close(BOB, older)
    assert BOB in lines
    assert carried(lines, BOB, sealed)
    assert (len(taken(older)), len(taken(newer))) == (0, 2)
    assert not carried(lines, CAROL, sealed)
    lines.close(BOB, newer)
    assert BOB not in lines
    assert not carried(lines, BOB, sealed)


def first_retry(bench: cores.Bench, hops: tuple[NodeId, ...]) -> float:
    """Return how long an item waits for its second copy, after many quick deliveries."""
    for number in range(1, 40):
        now = float(number)
        bench.add(number, now)
        bench.core.handle(Deposited(number, cores.A, hops, None), now)
        bench.core.handle(Confirmed((number,)), now + 0.001)
    bench.sent(100, 100.0)
    return bench.core.next_deadline() - 100.0


def test_a_direct_delivery_teaches_nothing_of_the_time_over_relays() -> None:
    """Else everything would be sent twice as soon as the line ends."""
    bench = cores.Bench()
    bench.sent(100, 100.0)
    untaught = bench.core.next_deadline() - 100.0
    assert first_retry(cores.Bench(), ()) == untaught
    over_relays = (cores.GUARD, cores.MIDDLE, cores.A)
    assert first_retry(cores.Bench(), over_relays) < untaught, "control: what came over relays"


def test_no_relay_is_praised_or_blamed_for_what_went_directly() -> None:
    bench = cores.Bench()
    for number in (1, 2):
        bench.add(number)
        bench.core.handle(Deposited(number, cores.A, (), cores.TOKEN), 0.0)
    assert bench.core.handle(Confirmed((2,)), 0.1) == []
    _, asked = bench.due()
    assert not any(isinstance(command, ReportLost) for command in asked)
    assert bench.core.handle(Restarted(frozenset({cores.A, cores.MIDDLE})), 2.0) == []
    assert bench.core.handle(Confirmed((1,)), 3.0) == []

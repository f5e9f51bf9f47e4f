"""What was on its way through a relay that restarted goes again as soon as that is known."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.node.delivery.test_outbox import BOB, RELAY, Doubles, item, outbox_over
from zentalk.ids import NodeId
from zentalk.node.delivery.retry_schedule import ACK_OVERDUE_SECONDS, LATELY_SECONDS
from zentalk.node.messages.effects import BestEffortInner
from zentalk.wire.deposit import Deposit
from zentalk.wire.ratchet import INNER_SMALL_BYTES

GUARD, MIDDLE, OTHER = (NodeId(letter * 32) for letter in (b"g", b"m", b"o"))


class OverRelays(Doubles):
    """Every packet goes over the same guard and the same middle."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def send_deposit(
        self, relay: NodeId, _deposit: Deposit, _token: bytes | None
    ) -> tuple[tuple[NodeId, ...], bytes | None]:
        self.times.append(round(trio.current_time(), 2))
        return (GUARD, MIDDLE, relay), None


async def sent_times(
    at: float, relays: tuple[NodeId, ...], *, best_effort: bool = False
) -> list[float]:
    """Send one item; at a time, `relays` turn out to have restarted. Return when it left."""
    doubles = OverRelays()
    outbox = outbox_over(doubles)
    doubles.items = {1: item(1)}
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        if best_effort:
            outbox.send_best_effort(BestEffortInner(BOB, bytes(INNER_SMALL_BYTES)))
        else:
            outbox.add(doubles.items.values())
        await trio.sleep(at)
        outbox.restarted(relays)
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    return [round(time - began, 2) for time in doubles.times]


async def test_it_goes_at_once_and_its_retries_begin_anew(
    autojump_clock: MockClock,
) -> None:
    for hop in (GUARD, MIDDLE, RELAY):
        assert await sent_times(4.0, (OTHER, hop)) == [0, 1.5, 4, 5.5]


async def test_control_without_that_news_it_waits_for_its_next_retry(
    autojump_clock: MockClock,
) -> None:
    assert await sent_times(4.0, (OTHER,)) == [0, 1.5, 4.5]


async def test_what_nobody_confirms_goes_again_only_if_it_had_just_left(
    autojump_clock: MockClock,
) -> None:
    late = LATELY_SECONDS + 1
    assert late < ACK_OVERDUE_SECONDS
    for at, expected in ((1.0, [0, 1]), (late, [0])):
        assert await sent_times(at, (MIDDLE,), best_effort=True) == expected


async def test_news_of_restarts_before_anything_was_sent_changes_nothing(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    doubles = OverRelays()
    outbox = outbox_over(doubles)
    doubles.items = {1: item(1)}
    outbox.load(doubles.items.values())
    outbox.restarted([RELAY])
    nursery.start_soon(outbox.run)
    await trio.sleep(0.5)
    assert len(doubles.times) == 1
    nursery.cancel_scope.cancel()

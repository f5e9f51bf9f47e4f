"""When which item is looked at next."""

import pytest
import trio
from trio.testing import MockClock

from zentalk.net.runtime import Runtime
from zentalk.node.delivery.timers import Timers


def timers() -> Timers:
    return Timers(Runtime.virtual(1, 0.0))


async def test_each_comes_once_at_the_last_time_that_was_set(autojump_clock: MockClock) -> None:
    made = timers()
    made.plan(1, 5.0)
    made.plan(2, 3.0)
    made.plan(1, 1.0)
    made.plan(2, 7.0)
    assert [await made.next_due() for _ in range(2)] == [(1, 1.0), (2, 7.0)]
    with trio.move_on_after(1000) as patience:
        await made.next_due()
    assert patience.cancelled_caught


async def test_what_is_set_while_one_waits_wakes_it(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    made = timers()
    made.plan(1, 100.0)
    found = []

    async def wait() -> None:
        found.append(await made.next_due())

    nursery.start_soon(wait)
    await trio.sleep(2)
    made.plan(2, 3.0)
    await trio.sleep(2)
    assert found == [(2, 3.0)]


async def test_what_is_dropped_never_comes(autojump_clock: MockClock) -> None:
    made = timers()
    made.plan(1, 1.0)
    made.plan(2, 2.0)
    made.drop(1)
    made.drop(3)
    number, now = await made.next_due()
    assert number == 2
    assert now == pytest.approx(2.0)

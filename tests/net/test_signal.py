"""A signal wakes one loop, is kept while nobody waits, and is taken off by the wait."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from zentalk.net.signal import Signal


async def test_a_wait_ends_when_the_signal_is_set_and_takes_it_off(
    autojump_clock: MockClock,
) -> None:
    signal = Signal()
    woken: list[float] = []

    async def loop() -> None:
        while True:
            assert await signal.wait()
            woken.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        for _ in range(3):
            await trio.sleep(1)
            signal.set()
            signal.set()
        await wait_all_tasks_blocked()
        assert woken == [1, 2, 3]
        assert not signal.is_set()
        nursery.cancel_scope.cancel()


async def test_a_signal_set_while_nobody_waits_is_kept_for_the_next_wait(
    autojump_clock: MockClock,
) -> None:
    signal = Signal()
    signal.set()
    assert signal.is_set()
    assert await signal.wait(5)
    assert trio.current_time() == 0
    assert not await signal.wait(5)
    assert trio.current_time() == 5


async def test_what_is_set_during_the_work_of_a_loop_is_not_lost(autojump_clock: MockClock) -> None:
    signal = Signal()
    rounds: list[float] = []

    async def loop() -> None:
        while True:
            await trio.sleep(1)  # the work
            rounds.append(trio.current_time())
            await signal.wait(60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        await trio.sleep(0.5)
        signal.set()
        await trio.sleep(10)
        assert rounds == [1, 2]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seconds", [0.0, -3.0])
async def test_a_time_that_is_over_still_sees_a_signal(
    autojump_clock: MockClock, seconds: float
) -> None:
    signal = Signal()
    assert not await signal.wait(seconds)
    signal.set()
    assert await signal.wait(seconds)
    assert not signal.is_set()


async def test_a_wait_cancelled_from_outside_leaves_the_signal_set(
    autojump_clock: MockClock,
) -> None:
    signal = Signal()
    signal.set()
    with trio.CancelScope() as scope:
        scope.cancel()
        await signal.wait(5)
    assert scope.cancelled_caught
    assert signal.is_set()


async def test_take_says_whether_it_was_set_and_waits_for_nothing() -> None:
    signal = Signal()
    assert not signal.take()
    signal.set()
    assert signal.take()
    assert not signal.take()
    assert repr(signal) == "<Signal not set>"


async def test_of_several_tasks_that_wait_each_is_woken(autojump_clock: MockClock) -> None:
    signal = Signal()
    seen: list[bool] = []

    async def wait() -> None:
        seen.append(await signal.wait(30))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        signal.set()
    assert seen == [True, True, True]
    assert trio.current_time() == 0
    assert not signal.is_set()


async def test_what_the_first_of_several_sets_again_is_kept_for_the_next_wait(
    autojump_clock: MockClock,
) -> None:
    signal = Signal()
    woken: list[float] = []

    async def wait() -> None:
        await signal.wait()
        if not woken:
            signal.set()
        woken.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        signal.set()
    assert len(woken) == 3
    assert signal.is_set()

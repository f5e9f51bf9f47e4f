"""Blocking calls in kept threads: answers, errors, cancellation, reuse and the end of a loop."""

from __future__ import annotations

import threading
import time

import pytest
import trio
import trio.testing

from zentalk.net import threads
from zentalk.net.threads import ThreadPool


@pytest.fixture
def pool() -> ThreadPool:
    return ThreadPool()


async def test_answers_and_errors_come_back(pool: ThreadPool) -> None:
    assert await pool.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 / 0)


async def test_a_thread_serves_one_call_after_the_other(pool: ThreadPool) -> None:
    assert len({await pool.run(threading.get_ident) for _ in range(20)}) == 1


async def test_calls_run_beside_each_other_and_beside_the_loop(pool: ThreadPool) -> None:
    meeting = threading.Barrier(3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run, meeting.wait)
        nursery.start_soon(pool.run, meeting.wait)
        await pool.run(meeting.wait)


async def test_more_calls_than_threads_are_all_served(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 2)
    meeting = threading.Barrier(4)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(pool.run, meeting.wait)
    assert pool._count == 2


async def test_a_call_that_has_begun_is_not_cancelled(pool: ThreadPool) -> None:
    begun, go_on = threading.Event(), threading.Event()
    answers: list[str] = []

    def work() -> str:
        begun.set()
        assert go_on.wait(10)
        return "done"

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            answers.append(await pool.run(work))

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(ask, scope)
        while not begun.is_set():  # noqa: ASYNC110 - a thread sets it
            await trio.sleep(0.001)
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert not answers
        go_on.set()
    assert answers == ["done"]
    assert not scope.cancelled_caught


async def test_a_cancelled_caller_begins_nothing(pool: ThreadPool) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await pool.run(lambda: pytest.fail("it ran"))
    assert scope.cancelled_caught


async def test_idle_threads_end(pool: ThreadPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.01)
    await pool.run(lambda: None)
    with trio.fail_after(10):
        while pool._count:  # noqa: ASYNC110 - a thread lowers it
            await trio.sleep(0.005)
    assert not pool._idle
    assert await pool.run(lambda: "again") == "again"


def test_a_loop_that_ended_first_harms_no_thread(pool: ThreadPool) -> None:
    """The next loop of the process is served by the same thread."""
    go_on, idents = threading.Event(), list[int]()

    async def leave() -> None:
        thread = pool._take()
        assert thread is not None
        token, task = trio.lowlevel.current_trio_token(), trio.lowlevel.current_task()
        thread.run(threads._Call(lambda: go_on.wait(10), task, token))

    async def come_back() -> None:
        idents.append(await pool.run(threading.get_ident))

    trio.run(leave)
    go_on.set()
    deadline = time.monotonic() + 10
    while not pool._idle and time.monotonic() < deadline:
        time.sleep(0.001)
    trio.run(come_back)
    assert idents
    assert pool._count == 1

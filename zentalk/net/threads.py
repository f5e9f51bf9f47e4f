"""Threads for blocking calls, kept for the next call: half the price of trio's own.

A message takes several commits, and each is a call in a thread. trio makes a new context, two
cancel scopes and a name for every such call; none of that is needed where nothing is cancelled
half way. What a thread may do is blocking work and nothing else: it must never touch trio.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

import outcome
import trio

T = TypeVar("T")

IDLE_SECONDS: Final = 10.0
"""A thread that had nothing to do for so long ends."""
MAX_THREADS: Final = 32
"""Calls beyond so many at a time wait their turn in trio's own threads."""


class _Call(NamedTuple):
    function: Callable[[], Any]
    task: trio.lowlevel.Task
    token: trio.lowlevel.TrioToken


class _Thread:
    """One thread: it has at most one call, or is among the idle ones of its pool."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # The program may end while a thread waits for work or for a disk that does not answer.
        threading.Thread(target=self._work, name="zentalk-blocking", daemon=True).start()

    def run(self, call: _Call) -> None:
        """Run a call; the thread must not be among the idle ones."""
        self._calls.put(call)

    def _work(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=IDLE_SECONDS)
            except Empty:
                if self._pool.retire(self):
                    return
                continue
            result = outcome.capture(call.function)
            self._pool.give_back(self)
            with suppress(trio.RunFinishedError):  # nobody may be left to be told
                call.token.run_sync_soon(trio.lowlevel.reschedule, call.task, result)
            del call, result


class ThreadPool:
    """Runs blocking functions for any number of event loops of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._count = 0

    async def run(self, function: Callable[[], T], /) -> T:
        """Return what `function` returns, or raise what it raises, however long it takes."""
        await trio.lowlevel.checkpoint_if_cancelled()
        thread = self._take()
        if thread is None:
            return await trio.to_thread.run_sync(function)
        thread.run(
            _Call(function, trio.lowlevel.current_task(), trio.lowlevel.current_trio_token())
        )
        return await trio.lowlevel.wait_task_rescheduled(_never_abort)  # type: ignore[no-any-return]  # the function's own type

    def give_back(self, thread: _Thread) -> None:
        """Take a thread that has done its call among the idle ones; the last one goes first."""
        with self._lock:
            self._idle.append(thread)

    def retire(self, thread: _Thread) -> bool:
        """Let an idle thread end; False if it was just given a call."""
        with self._lock:
            if thread not in self._idle:
                return False
            self._idle.remove(thread)
            self._count -= 1
            return True

    def _take(self) -> _Thread | None:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._count >= MAX_THREADS:
                return None
            self._count += 1
        return _Thread(self)


def _never_abort(_raise_cancel: object) -> trio.lowlevel.Abort:
    """Refuse to be cancelled: a thread cannot be stopped, and what it does must be known."""
    return trio.lowlevel.Abort.FAILED


THREADS: Final = ThreadPool()
"""The threads of this process."""

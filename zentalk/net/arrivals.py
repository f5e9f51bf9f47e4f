"""Calls of a network in memory at the times when bytes arrive, one timer for all of them.

In virtual time many connections get something at the same moment, as nothing takes time but the
way. One task sleeps until then and wakes them all; it ends with the trio run in which it began.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TypeAlias

import trio

_Call: TypeAlias = Callable[[], None]


class Arrivals:
    """Calls at times of trio's clock, in order; those of one moment in the order of asking."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._calls: dict[float, list[_Call]] = {}
        self._run: trio.lowlevel.TrioToken | None = None
        """The run that the task is in: a network may outlive a run."""
        self._sleeping: trio.CancelScope | None = None

    def call_at(self, at: float, call: _Call) -> None:
        """Let `call` be called at a time, or soon after if that is over; it must not raise."""
        calls = self._calls.get(at)
        if calls is not None:
            calls.append(call)
            return
        self._calls[at] = [call]
        heappush(self._times, at)
        run = trio.lowlevel.current_trio_token()
        if run is not self._run:
            self._run, self._sleeping = run, None
            trio.lowlevel.spawn_system_task(self._deliver, name="arrivals of a memory network")
        elif self._sleeping is not None and at < self._sleeping.deadline:
            self._sleeping.deadline = at

    async def _deliver(self) -> None:
        while True:
            self._deliver_due()
            next_at = self._times[0] if self._times else math.inf
            with trio.CancelScope(deadline=next_at) as self._sleeping:
                await trio.sleep_forever()
            self._sleeping = None

    def _deliver_due(self) -> None:
        now = trio.current_time()
        while self._times and self._times[0] <= now:
            for call in self._calls.pop(heappop(self._times)):
                call()

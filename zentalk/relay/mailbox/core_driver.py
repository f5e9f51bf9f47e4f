"""Drives the mailbox core: gives it events and the time, and has its commands carried out.

Spec: docs/spec/mailbox.md. The core is synchronous and so is this, but for the tasks that wait
for deadlines and for the store. Nothing here knows a method or a connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

import trio

from zentalk.ids import NodeId
from zentalk.mailbox import events
from zentalk.mailbox.commands import Apply
from zentalk.mailbox.core import MailboxCore, MailboxStats
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore, Outcome
from zentalk.net.runtime import Runtime
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.mailbox.group_commit import MailboxWriter

TICK_SECONDS: Final = 0.01
"""Deadlines closer together than this are handled at once."""
CLOCK_SECONDS: Final = 60.0
"""The wall clock is looked at so often."""

Handler: TypeAlias = Callable[[Any], events.Event | None]
"""Carries out a command; returns what the core is to be told at once, if anything."""


class CoreDriver:
    """One core from `load` to `finish`; what `serve` waits for happens only while it runs.

    `handlers` has one for each kind of command, except for operations of the store. `memory`
    counts mail that is in memory.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: MailboxStore,
        settings: MailboxSettings,
        relay: NodeId,
        memory: BudgetAccount,
        handlers: Mapping[type[Any], Handler],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._settings = settings
        self._relay = relay
        self._memory = memory
        self._writer = MailboxWriter(runtime, store, self._finished)
        self._handlers: dict[type[Any], Handler] = {**handlers, Apply: self._writer.put}
        self._core: MailboxCore | None = None
        self._last = MailboxStats(0, 0, 0, 0, 0, 0, {})
        self._loaded = trio.Event()
        self._events: deque[events.Event] = deque()
        self._feeding = False
        self._armed = 0.0
        self._earlier = trio.Event()

    @property
    def is_running(self) -> bool:
        """Tell whether events are taken: from `load` until `finish`."""
        return self._core is not None

    async def loaded(self) -> None:
        """Wait until events are taken."""
        await self._loaded.wait()

    async def load(self) -> None:
        """Start the core with what the store holds; raises StorageError."""
        loaded = await self._runtime.run_blocking(self._store.load)
        self._core = MailboxCore(
            self._settings,
            loaded,
            relay=self._relay,
            wall=self._runtime.wall(),
            now=self._runtime.monotonic(),
            entropy=self._runtime.entropy,
        )
        self._loaded.set()
        self.feed(events.DeadlineReached())

    async def serve(self) -> None:
        """Keep deadlines, follow the clock and write, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._writer.run)
            nursery.start_soon(self._keep_deadlines)
            nursery.start_soon(self._watch_clock)

    async def finish(self) -> None:
        """Write what is only in memory; nothing is taken any more."""
        with trio.CancelScope(shield=True):
            await self._writer.drain()
        # The last status is written after this, and says what was counted until now.
        self._last = self.stats()
        self._core = None

    def feed(self, event: events.Event) -> None:
        """Let the core handle an event, and those that its commands bring about."""
        self._events.append(event)
        core = self._core
        if self._feeding or core is None:
            return
        self._feeding = True
        now = self._runtime.monotonic()
        try:
            while self._events:
                for command in core.handle(self._events.popleft(), now):
                    further = self._handlers[type(command)](command)
                    if further is not None:
                        self._events.append(further)
        finally:
            self._feeding = False
            self._memory.set(core.memory_bytes + self._store.memory_bytes)
        if core.next_deadline() < self._armed:
            self._earlier.set()

    def read_clock(self) -> None:
        """Tell the core what the wall clock shows."""
        self.feed(events.WallClockRead(self._runtime.wall()))

    @property
    def trouble(self) -> str:
        """The reason why mail cannot be stored at present: `full`, `failing`, or "" if it can."""
        return self._writer.trouble

    def stats(self) -> MailboxStats:
        """Return the core's counts and the writer's: 0 before the start, the last ones after."""
        if self._core is None:
            return replace(self._last, counters=dict(self._last.counters))
        stats = self._core.stats()
        stats.counters["commits"] = self._writer.commits
        stats.counters["storage_failures"] = self._writer.failures
        return stats

    def _finished(self, number: int, outcome: Outcome | None) -> None:
        if outcome is None:
            self.feed(events.ApplyFailed(number))
        else:
            self.feed(events.Applied(number, outcome))

    async def _keep_deadlines(self) -> None:
        core = self._core
        assert core is not None  # `load` made it
        while True:
            self._earlier = trio.Event()
            self._armed = core.next_deadline()
            wait_seconds = max(TICK_SECONDS, self._armed - self._runtime.monotonic())
            with trio.move_on_after(wait_seconds):
                await self._earlier.wait()
            if core.next_deadline() <= self._runtime.monotonic():
                self.feed(events.DeadlineReached())

    async def _watch_clock(self) -> None:
        while True:
            await trio.sleep(CLOCK_SECONDS)
            self.read_clock()

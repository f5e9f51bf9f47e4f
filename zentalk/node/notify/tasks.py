"""One task for each of many names, which can be told to look again what there is to do.

Each has a task of its own, so that a slow one keeps no other waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import trio

Step: TypeAlias = Callable[[str, trio.CancelScope], Awaitable[bool]]
"""Does the next thing for a name, and returns whether there will be more.

It waits inside the scope only, which is cancelled when it is to look again.
"""


class TaskForEach:
    """Steps on for each name while `run` runs."""

    def __init__(self, names: Callable[[], Awaitable[Iterable[str]]], step: Step) -> None:
        self._names = names
        self._step = step
        self._waits: dict[str, trio.CancelScope] = {}
        """One for each name that is served."""
        self._tasks: trio.Nursery | None = None

    def poke(self, name: str) -> None:
        """Let the task of a name look again; begin with a name that is new."""
        if name in self._waits:
            self._waits[name].cancel()
        elif self._tasks is not None:
            self._start(name)

    async def run(self) -> None:
        """Serve all names until cancelled."""
        async with trio.open_nursery() as self._tasks:
            for name in await self._names():
                if name not in self._waits:
                    self._start(name)
            await trio.sleep_forever()

    def _start(self, name: str) -> None:
        assert self._tasks is not None
        self._waits[name] = trio.CancelScope()
        self._tasks.start_soon(self._serve, name)

    async def _serve(self, name: str) -> None:
        try:
            while True:
                # Before the step looks at anything: a poke from here on ends its next wait.
                wait = self._waits[name] = trio.CancelScope()
                if not await self._step(name, wait):
                    return
        finally:
            self._waits.pop(name, None)

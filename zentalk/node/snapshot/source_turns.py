"""Lets sources tell what is new one after the other, and passes on the turn of a slow one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

TURN_SECONDS: Final = 5.0
"""How long the next in line waits for the one whose turn it is."""


class SourceTurns:
    """A line in which the first waits for whoever has the turn, but never for long.

    Spec: docs/spec/directory.md section 8. A lock alone would not do: when its holder hangs, all
    who wait for it lose patience at once and ask their sources for the same descriptors.
    """

    def __init__(self) -> None:
        self._line = trio.Lock()
        self._over = trio.Event()
        self._over.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until the turn before this one is over or has taken TURN_SECONDS."""
        async with self._line:
            with trio.move_on_after(TURN_SECONDS):
                await self._over.wait()
            over = self._over = trio.Event()
        try:
            yield
        finally:
            over.set()

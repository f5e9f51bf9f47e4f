"""A signal: an event that arms itself again once the task that waits for it has seen it.

A loop waits for its signal, for a time at most, and then looks at all there is to do. A
signal that is set while nobody waits is kept for the next wait, so no wake-up is lost. Code
that wakes the tasks which wait at this moment, and none later, uses trio's ParkingLot.
"""

from __future__ import annotations

import math

import trio


class Signal:
    """Tells one loop that there is something to do, however often it is set meanwhile."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def __repr__(self) -> str:
        return f"<Signal {'set' if self.is_set() else 'not set'}>"

    def set(self) -> None:
        """Wake the task that waits, or let the next wait return at once."""
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether the next wait would return at once; takes nothing off."""
        return self._event.is_set()

    def take(self) -> bool:
        """Take the signal off without waiting; returns whether it was set."""
        return self._taken(self._event)

    async def wait(self, seconds: float = math.inf) -> bool:
        """Return True once the signal is set, and take it off; False after `seconds`.

        A time that is over already is a checkpoint all the same. A wait that is cancelled from
        outside leaves the signal set.
        """
        event = self._event
        if seconds == math.inf:
            await event.wait()
        else:
            with trio.move_on_after(max(0.0, seconds)):
                await event.wait()
        return self._taken(event)

    def _taken(self, event: trio.Event) -> bool:
        # Of several tasks that waited for one event, all are told; the first one arms it again.
        was_set = event.is_set()
        if was_set and event is self._event:
            self._event = trio.Event()
        return was_set

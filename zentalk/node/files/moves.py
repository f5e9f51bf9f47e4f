"""Tells of files that come further: in the event log, and to requests that wait for one."""

from __future__ import annotations

from collections import defaultdict

import trio


class Moves:
    """Who waits for which file."""

    def __init__(self) -> None:
        self._waiting: defaultdict[bytes, trio.Event] = defaultdict(trio.Event)

    def tell(self, file_id: bytes) -> None:
        """A file has come further, or is gone."""
        event = self._waiting.pop(file_id, None)
        if event is not None:
            event.set()

    def next(self, file_id: bytes) -> trio.Event:
        """Return what is set when a file comes further next: take it before looking."""
        return self._waiting[file_id]

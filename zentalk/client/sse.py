"""Server-sent events: bytes in, events out. No I/O."""

from __future__ import annotations

import json
from typing import Final

from zentalk.client.errors import ApiError
from zentalk.client.parsing import parse
from zentalk.client.signals import signal_of
from zentalk.client.typed_events import typed
from zentalk.rest.events import Event

MAX_FRAME_BYTES: Final = 4 * 2**20
_END: Final = b"\n\n"


class EventParser:
    """Collects chunks of a stream and returns the events that are complete."""

    def __init__(self, after: int = 0) -> None:
        self._buffer = bytearray()
        self._last = after

    def feed(self, chunk: bytes) -> list[Event]:
        """Take a chunk; raises ApiError if the stream is not one of an API node."""
        searched = max(0, len(self._buffer) - len(_END))
        self._buffer += chunk
        events: list[Event] = []
        while (end := self._buffer.find(_END, searched)) >= 0:
            event = _to_event(bytes(self._buffer[:end]), self._last)
            if event is not None:
                self._last = event.seq
                events.append(event)
            del self._buffer[: end + len(_END)]
            searched = 0
        if len(self._buffer) > MAX_FRAME_BYTES:
            raise ApiError(200, "an event is larger than any event of an API node")
        return events


def _to_event(frame: bytes, last: int) -> Event | None:
    """Return the event of a frame; None for comments and hints.

    A signal has no number: it gets that of the event before it.
    """
    for line in frame.split(b"\n"):
        if line.startswith(b"data: "):
            try:
                answer = json.loads(line.removeprefix(b"data: "))
                if isinstance(answer, dict) and "seq" not in answer and "type" in answer:
                    return signal_of(answer, last)
                return typed(parse(Event, answer))
            except (ValueError, RecursionError):
                raise ApiError(200, "an event is not JSON") from None
    return None

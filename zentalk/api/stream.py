"""The event stream: server-sent events as a view of the event log.

Each event carries its number as `id:`, so that a client that reconnects continues where it
was. The stream ends when the program stops or the client leaves. It keeps no state: the log has
every event. Signals have no number, and a client that lags gets only the newest of each person.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from zentalk.api.facade import NodeFacade
from zentalk.api.signal_feed import feed_of
from zentalk.rest.events import Event
from zentalk.rest.signals import PresenceSignal, TypingSignal
from zentalk.store.history.event_filter import EVERYTHING, EventFilter
from zentalk.store.history.models import StoredEvent
from zentalk.web.json_response import SAFE_HEADERS

HEARTBEAT_SECONDS: Final = 15.0
PAGE: Final = 500
BURST_SECONDS: Final = 0.005
"""The pause after each part: the first event of a burst is sent at once, the others together."""
_RETRY_MS: Final = 1000
_UNBUFFERED: Final = (
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
)
"""For proxies: nginx and those like it hold answers back unless told not to, and whoever
compresses an answer (RFC 9110 section 7.7) waits until there is enough of it."""


class EventStream(Response):
    """A response that sends events with a number above `after`, old and new."""

    media_type = "text/event-stream"

    def __init__(
        self,
        node: NodeFacade,
        after: int,
        stopping: trio.Event,
        wanted: EventFilter = EVERYTHING,
        *,
        signals: bool = False,
    ) -> None:
        self.status_code = HTTPStatus.OK
        self.background = None
        self.body = b""
        self.raw_headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            *(header for header in SAFE_HEADERS if header[0] != b"cache-control"),
            *_UNBUFFERED,
        ]
        self._node = node
        self._after = after
        self._stopping = stopping
        self._wanted = wanted
        self._signals = feed_of(node, wanted, signals=signals)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the program stops or the client leaves."""
        del scope
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_on_stop, nursery.cancel_scope)
            nursery.start_soon(_cancel_on_leave, receive, nursery.cancel_scope)
            await self._send_events(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, send: Send) -> None:
        await _send_part(send, f"retry: {_RETRY_MS}\n\n")
        told = self._after
        heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
        while True:
            if signals := self._signals.take():
                await _send_part(send, "".join(map(signal_frame, signals)))
            page = await self._node.event_page(self._after, PAGE, self._wanted)
            self._after = page.next
            if page.events:
                told = page.events[-1].seq
                heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
                await _send_part(send, "".join(map(to_frame, page.events)))
                if len(page.events) < PAGE:
                    await trio.sleep(BURST_SECONDS)
                continue
            with trio.move_on_at(heartbeat_at):
                await self._signals.wait_with(partial(self._node.wait_events, self._after))
            if trio.current_time() >= heartbeat_at:
                # The number without an event: a client goes on past what it did not want.
                place = f"id: {self._after}\n" if self._after > told else ""
                told = self._after
                heartbeat_at = trio.current_time() + HEARTBEAT_SECONDS
                await _send_part(send, f": still here\n{place}\n")

    async def _cancel_on_stop(self, scope: trio.CancelScope) -> None:
        await self._stopping.wait()
        scope.cancel()


def to_frame(event: StoredEvent) -> str:
    """Return an event as the lines of one server-sent event."""
    shown = Event.model_validate(event).model_dump_json()
    return f"id: {event.seq}\nevent: {event.type}\ndata: {shown}\n\n"


def signal_frame(signal: TypingSignal | PresenceSignal) -> str:
    """Return a signal as the lines of one server-sent event: without a number to go on after."""
    return f"event: {signal.type}\ndata: {signal.model_dump_json()}\n\n"


async def _cancel_on_leave(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_part(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

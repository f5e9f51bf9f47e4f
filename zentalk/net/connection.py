"""A connection: what programs do with an open link, and what they are told of it.

Spec: docs/spec/link.md section 9. Tasks are made per request and per stream, never per
frame, and their number is bounded. Nothing here may wait for one of them.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import trio

from zentalk.errors import (
    DeadlineError,
    DecodeError,
    LinkClosedError,
    RefusedError,
    UnavailableError,
)
from zentalk.ids import NodeId
from zentalk.link.events import (
    Event,
    LinkOpened,
    NotifyReceived,
    PeerLeft,
    RequestReceived,
    ResponseReceived,
    StreamAccepted,
    StreamClosed,
    StreamReadable,
    StreamRefused,
    StreamRequested,
    StreamWritable,
)
from zentalk.link.hello import LinkPeer
from zentalk.link.link import Link
from zentalk.net.pump import Pump
from zentalk.net.resources import NO_LIMITS, LinkResources
from zentalk.net.runtime import Runtime
from zentalk.net.streams import LinkStream
from zentalk.net.transport import PEER_FAULTS, ByteStream, only_faults_of
from zentalk.wire.frames import Open, Packet
from zentalk.wire.rpc import UNKNOWN_METHOD, encode_refusal

MAX_REQUESTS: Final = 64
"""Requests of one peer that are worked on at a time; more are refused `busy`."""
CALLS_ENOUGH_BYTES: Final = 4 * 1024 * 1024
"""Above this, new requests and responses wait until the peer has read some."""
MAX_CALLS_BYTES: Final = CALLS_ENOUGH_BYTES + 8 * 1024 * 1024
"""The most that may be queued: a response above it is a refusal `busy`."""
OPEN_SECONDS: Final = 10.0
_STREAM_FAULTS: Final = (*PEER_FAULTS, RefusedError, UnavailableError)


class Handlers(Protocol):
    """The handlers that the owner of a connection supplies. The plain ones must return at once."""

    def packet_received(self, connection: Connection, packet: bytes, /) -> None:
        """Take an onion packet."""
        ...

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        """Return the response; a RemoteProtocolError closes the connection."""
        ...

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        """Take a notification; a RemoteProtocolError closes the connection."""
        ...

    async def stream_opened(
        self, connection: Connection, request: Open, stream: LinkStream, /
    ) -> None:
        """Use the stream, which accepts it, or raise RefusedError; it is closed afterwards."""
        ...


class NoHandlers:
    """Refuses everything: for the side of a link that only sends requests."""

    def packet_received(self, _connection: Connection, _packet: bytes, /) -> None:
        """Drop it."""

    async def request_received(self, _connection: Connection, _body: bytes, /) -> bytes:
        """Refuse it."""
        await trio.lowlevel.checkpoint()
        return encode_refusal(UNKNOWN_METHOD)

    def notify_received(self, _connection: Connection, _body: bytes, /) -> None:
        """Drop it."""

    async def stream_opened(
        self, _connection: Connection, _asked: Open, _stream: LinkStream, /
    ) -> None:
        """Refuse it."""
        await trio.lowlevel.checkpoint()
        raise RefusedError(UNKNOWN_METHOD)


class _Waiter:
    __slots__ = ("event", "response")

    def __init__(self) -> None:
        self.event = trio.Event()
        self.response: bytes | None = None


class Connection:
    """An open link over a byte stream. Made by `connect` and `serve`."""

    def __init__(
        self,
        link: Link,
        opened: LinkOpened,
        stream: ByteStream,
        handlers: Handlers,
        runtime: Runtime,
        resources: LinkResources = NO_LIMITS,
    ) -> None:
        self.account = resources.account
        self.origin = resources.origin
        self.peer: LinkPeer = opened.peer
        self.handshake_hash = opened.handshake_hash
        self.depth = link.depth
        self.showed_token = link.shows_token
        """Whether this side has shown that it holds an access token of the peer."""
        self.closed = trio.Event()
        self._link = link
        self._traffic = link.traffic
        self._handlers = handlers
        self._stream = stream
        self._pump = Pump(
            link,
            self._stream,
            monotonic=runtime.monotonic,
            on_events=self._dispatch,
            turn=resources.turn,
            meter=resources.meter,
        )
        self._now = runtime.monotonic
        self.last_used = runtime.monotonic()
        """The monotonic time at which the peer last did more than to show that it lives."""
        self._waiting: dict[int, _Waiter] = {}
        self._streams: dict[int, LinkStream] = {}
        self._requests = 0
        self.left_because = ""
        """The word with which the peer ended the link; empty while it has said none."""

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<{state} link to a {self.peer.kind}, depth {self.depth}>"

    @property
    def is_open(self) -> bool:
        """Whether anything can still be sent; `closed` follows when the last was."""
        return not self._pump.closing

    @property
    def is_clients(self) -> bool:
        """Whether the peer is anonymous."""
        return self.peer.is_client

    @property
    def may_be_evicted(self) -> bool:
        """Whether a relay that is full may end it: a client's, and nothing depends on it."""
        return self.peer.is_client and not self.open_streams

    @property
    def last_activity(self) -> float:
        """The monotonic time at which something was last sent or received."""
        return self._pump.last_activity

    @property
    def unit_sizes(self) -> set[int]:
        """Sizes of the units seen on a client link, sent and received."""
        return self._link.unit_sizes

    @property
    def open_streams(self) -> int:
        """The number of streams that the link carries; a link that carries some is not idle."""
        return len(self._traffic.streams)

    def send_packet(self, packet: bytes) -> bool:
        """Queue an onion packet; False if the queue is full or the link closed."""
        if self._pump.closing or not self._traffic.send_packet(packet):
            return False
        self._pump.queued()
        return True

    def has_packet_room(self, size_bytes: int) -> bool:
        """Tell whether a packet of that size would be queued now."""
        return not self._pump.closing and self._traffic.has_packet_room(size_bytes)

    def notify(self, body: bytes) -> None:
        """Queue a notification.

        Raises LinkClosedError if the link is closed, or is closed now because the peer
        has not read for too long.
        """
        self._check_open()
        full = self._traffic.calls_queued_bytes > CALLS_ENOUGH_BYTES
        if full or not self._traffic.has_room(len(body)):
            self.abort()
            raise LinkClosedError("the peer does not read what it is sent")
        self._traffic.notify(body)
        self._pump.wake()

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Send a request and return the response; raises DeadlineError or LinkClosedError."""
        waiter = _Waiter()
        call_id: int | None = None
        try:
            with trio.move_on_after(timeout_seconds):
                await self._room_for_calls()
                call_id = self._traffic.request(body)
                self._waiting[call_id] = waiter
                self._pump.wake()
                await waiter.event.wait()
        finally:
            if call_id is not None:
                self._waiting.pop(call_id, None)
                self._traffic.forget(call_id)
        if waiter.response is not None:
            return waiter.response
        self._check_open()
        raise DeadlineError("the peer did not answer in time")

    async def open_stream(self, node_id: NodeId | None, cell_bytes: int) -> LinkStream:
        """Open a stream to a relay that the peer knows, or to the peer itself.

        Raises RefusedError, DeadlineError after 10 s, or LinkClosedError.
        """
        self._check_open()
        stream_id = self._traffic.streams.open(node_id, cell_bytes)
        stream = self._new_stream(stream_id)
        accepted = False
        try:
            with trio.move_on_after(OPEN_SECONDS):
                accepted = await stream.answered()
        finally:
            if not accepted:
                stream.close("gone")
        if accepted:
            return stream
        self._check_open()
        if stream.refused_reason is not None:
            raise RefusedError(stream.refused_reason)
        raise DeadlineError("the stream was not opened in time")

    def close(self, reason: str = "") -> None:
        """Close soon: what was queued is sent first, for at most a second.

        With a reason the peer is told that word, and may read nothing else any more.
        """
        if reason and not self._pump.closing:
            self._traffic.leave(reason)
        self._pump.close()

    def abort(self) -> None:
        """Close now."""
        self._pump.abort()

    async def run(
        self, early: list[Event], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Work until the link ends; `early` are events that came with the handshake's end."""
        try:
            await self._pump.run(early, task_status=task_status)
        finally:
            for waiter in self._waiting.values():
                waiter.event.set()
            for stream in list(self._streams.values()):
                stream.broken()
            self.closed.set()

    # Events.

    def _dispatch(self, events: list[Event]) -> None:
        if events:
            self.last_used = self._now()
        for event in events:
            if self._pump.closing:
                return
            if type(event) is Packet:
                self._handlers.packet_received(self, event.packet)
            else:
                _ON_EVENT[type(event)](self, event)

    def _on_request(self, event: RequestReceived) -> None:
        if self._requests < MAX_REQUESTS:
            self._requests += 1
            self._pump.nursery.start_soon(self._respond, event)
        elif self._traffic.calls_queued_bytes < CALLS_ENOUGH_BYTES:
            self._traffic.respond(event.call_id, encode_refusal("busy"))
        else:
            raise DecodeError("the peer sends requests and does not read the responses")

    async def _respond(self, event: RequestReceived) -> None:
        try:
            with only_faults_of(PEER_FAULTS) as fault:
                await self._room_for_calls()
                body = await self._handlers.request_received(self, event.body)
                self._check_open()
                if not self._may_respond(len(body)):
                    body = encode_refusal("busy")
                self._traffic.respond(event.call_id, body)
                self._pump.wake()
        finally:
            self._requests -= 1
        if fault.found:
            self.abort()

    def _on_response(self, event: ResponseReceived) -> None:
        waiter = self._waiting.get(event.call_id)
        if waiter is not None:
            waiter.response = event.body
            waiter.event.set()

    def _on_notify(self, event: NotifyReceived) -> None:
        self._handlers.notify_received(self, event.body)

    def _on_peer_left(self, event: PeerLeft) -> None:
        self.left_because = event.reason
        self.abort()

    def _on_stream_requested(self, event: StreamRequested) -> None:
        stream = self._new_stream(event.request.stream_id)
        self._pump.nursery.start_soon(self._serve_stream, event.request, stream)

    async def _serve_stream(self, request: Open, stream: LinkStream) -> None:
        reason = "done"
        try:
            with only_faults_of(_STREAM_FAULTS) as fault:
                await self._handlers.stream_opened(self, request, stream)
            if isinstance(fault.found, RefusedError):
                reason = fault.found.reason
            elif fault.found is not None:
                reason = "broken"
        finally:
            stream.close(reason)

    def _on_stream_refused(self, event: StreamRefused) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.refused(event.reason)

    def _on_stream_accepted(self, event: StreamAccepted) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.accepted()

    def _on_stream_changed(self, event: StreamReadable | StreamWritable | StreamClosed) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.changed()

    # Help.

    def _new_stream(self, stream_id: int) -> LinkStream:
        stream = LinkStream(
            self._traffic.streams, stream_id, wake_writer=self._pump.wake, let_go=self._let_go
        )
        self._streams[stream_id] = stream
        self._pump.wake()
        return stream

    def _let_go(self, stream_id: int) -> None:
        self._streams.pop(stream_id, None)

    def _may_respond(self, size_bytes: int) -> bool:
        """Whether a response may be queued: responses that were begun together may be many."""
        queued = self._traffic.calls_queued_bytes
        return self._traffic.has_room(size_bytes) and (
            not queued or queued + size_bytes <= MAX_CALLS_BYTES
        )

    async def _room_for_calls(self) -> None:
        self._check_open()
        while self._traffic.calls_queued_bytes > CALLS_ENOUGH_BYTES:
            await self._pump.drained()
            self._check_open()

    def _check_open(self) -> None:
        if self._pump.closing:
            raise LinkClosedError("the link is closed")


_ON_EVENT: Final[dict[type, Any]] = {
    RequestReceived: Connection._on_request,  # noqa: SLF001 - the table of own handlers
    ResponseReceived: Connection._on_response,  # noqa: SLF001
    NotifyReceived: Connection._on_notify,  # noqa: SLF001
    PeerLeft: Connection._on_peer_left,  # noqa: SLF001
    StreamRequested: Connection._on_stream_requested,  # noqa: SLF001
    StreamRefused: Connection._on_stream_refused,  # noqa: SLF001
    StreamAccepted: Connection._on_stream_accepted,  # noqa: SLF001
    StreamReadable: Connection._on_stream_changed,  # noqa: SLF001
    StreamWritable: Connection._on_stream_changed,  # noqa: SLF001
    StreamClosed: Connection._on_stream_changed,  # noqa: SLF001
}

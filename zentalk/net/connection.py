"""The pump that joins a link core to a byte stream: one reader, one writer, few tasks.

Spec: docs/spec/link.md section 9. The reader parses every whole frame of up to 64 KiB
and never waits for anybody; the writer sends one drain of the outbox at a time. Tasks
are made per question and per stream, never per frame, and their number is bounded.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import trio

from zentalk.errors import DeadlineError, LinkClosedError, RefusedError
from zentalk.ids import NodeId
from zentalk.link.events import (
    AnswerReceived,
    Event,
    LinkOpened,
    NotifyReceived,
    QuestionReceived,
    StreamAccepted,
    StreamClosed,
    StreamReadable,
    StreamRefused,
    StreamRequested,
    StreamWritable,
)
from zentalk.link.hello import Peer
from zentalk.link.keepalive import Due, Keepalive
from zentalk.link.link import Link
from zentalk.net.runtime import Runtime
from zentalk.net.streams import LinkStream
from zentalk.net.transport import PEER_FAULTS, READ_BYTES, ByteStream
from zentalk.wire.frames import Open, Packet
from zentalk.wire.rpc import encode_refusal

MAX_REQUESTS: Final = 64
"""Questions of one peer that are worked on at a time; more are refused `busy`."""
CALLS_ENOUGH_BYTES: Final = 16 * 1024 * 1024
"""Above this, new questions and answers wait until the peer has read some."""
OPEN_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 1.0
"""How long a closing link may take to send what was queued."""


class Handlers(Protocol):
    """What the owner of a connection supplies. The plain ones must return at once."""

    def packet_received(self, connection: Connection, packet: bytes, /) -> None:
        """Take an onion packet."""
        ...

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        """Return the answer's body; a RemoteProtocolError closes the connection."""
        ...

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        """Take a notification; a RemoteProtocolError closes the connection."""
        ...

    async def stream_opened(
        self, connection: Connection, asked: Open, stream: LinkStream, /
    ) -> None:
        """Use the stream, which accepts it, or raise RefusedError; it is closed afterwards."""
        ...


class NoHandlers:
    """Refuses everything: for the side of a link that only asks."""

    def packet_received(self, _connection: Connection, _packet: bytes, /) -> None:
        """Drop it."""

    async def request_received(self, _connection: Connection, _body: bytes, /) -> bytes:
        """Refuse it."""
        await trio.lowlevel.checkpoint()
        return encode_refusal("unknown")

    def notify_received(self, _connection: Connection, _body: bytes, /) -> None:
        """Drop it."""

    async def stream_opened(
        self, _connection: Connection, _asked: Open, _stream: LinkStream, /
    ) -> None:
        """Refuse it."""
        await trio.lowlevel.checkpoint()
        raise RefusedError("unknown")


class _Waiter:
    __slots__ = ("answer", "event")

    def __init__(self) -> None:
        self.event = trio.Event()
        self.answer: bytes | None = None


class Connection:
    """An open link over a byte stream. Made by `connect` and `serve`."""

    def __init__(
        self,
        link: Link,
        opened: LinkOpened,
        stream: ByteStream,
        *,
        depth: int,
        initiator: bool,
        handlers: Handlers,
        runtime: Runtime,
    ) -> None:
        self.peer: Peer = opened.peer
        self.handshake_hash = opened.handshake_hash
        self.depth = depth
        self.closed = trio.Event()
        self.last_activity = runtime.monotonic()
        self._link = link
        self._traffic = link.traffic
        self._stream = stream
        self._handlers = handlers
        self._now = runtime.monotonic
        self._keepalive = (
            Keepalive(self.last_activity, pings=initiator) if self._traffic.fixed_units else None
        )
        self._wake = trio.Event()
        self._room = trio.Event()
        self._waiting: dict[int, _Waiter] = {}
        self._streams: dict[int, LinkStream] = {}
        self._requests = 0
        self._closing = False
        self._nursery: trio.Nursery | None = None

    def __repr__(self) -> str:
        state = "closed" if self.closed.is_set() else "open"
        return f"<{state} link to a {self.peer.kind}, depth {self.depth}>"

    # What its owner does.

    @property
    def unit_sizes(self) -> set[int]:
        """Sizes of the units seen on a client link, sent and received."""
        return self._link.unit_sizes

    @property
    def open_streams(self) -> int:
        """How many streams the link carries; a link that carries some is not idle."""
        return len(self._traffic.streams)

    def send_packet(self, packet: bytes) -> bool:
        """Queue an onion packet; False if the queue is full or the link closed."""
        if self._closing or not self._traffic.send_packet(packet):
            return False
        self._wake.set()
        return True

    def notify(self, body: bytes) -> None:
        """Queue a notification.

        Raises LinkClosedError if the link is closed, or is closed now because the peer
        has not read for too long.
        """
        self._check_open()
        if self._traffic.calls_queued_bytes > CALLS_ENOUGH_BYTES:
            self.abort()
            raise LinkClosedError("the peer does not read what it is sent")
        self._traffic.notify(body)
        self._wake.set()

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Ask and return the answer's body; raises DeadlineError or LinkClosedError."""
        waiter = _Waiter()
        call_id: int | None = None
        try:
            with trio.move_on_after(timeout_seconds):
                await self._room_for_calls()
                call_id = self._traffic.ask(body)
                self._waiting[call_id] = waiter
                self._wake.set()
                await waiter.event.wait()
        finally:
            if call_id is not None:
                self._waiting.pop(call_id, None)
                self._traffic.forget(call_id)
        if waiter.answer is not None:
            return waiter.answer
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

    def close(self) -> None:
        """Close soon: what was queued is sent first, for at most a second."""
        if not self._closing:
            self._closing = True
            self._wake.set()
            if self._nursery is not None:
                scope = self._nursery.cancel_scope
                scope.deadline = min(scope.deadline, trio.current_time() + FLUSH_SECONDS)

    def abort(self) -> None:
        """Close now."""
        self._closing = True
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # Its own tasks.

    async def run(
        self,
        early: list[Event],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Pump until the link ends; `early` are events that came with the handshake's end."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._write)
                self._nursery.start_soon(self._read, early)
                if self._keepalive is not None:
                    self._nursery.start_soon(self._watch, self._keepalive)
                task_status.started()
        finally:
            self._end()
            with trio.CancelScope(shield=True), trio.move_on_after(FLUSH_SECONDS):
                await self._stream.aclose()

    async def _read(self, early: list[Event]) -> None:
        try:
            self._dispatch(early)
            while data := await self._stream.receive_some(READ_BYTES):
                self.last_activity = now = self._now()
                if self._keepalive is not None:
                    self._keepalive.heard(now)
                self._dispatch(self._link.receive(data))
                if self._traffic.has_data:
                    self._wake.set()
        except PEER_FAULTS:
            pass
        self.abort()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                while data := self._link.data_to_send():
                    self.last_activity = self._now()
                    await self._stream.send_all(data)
                self._room.set()
                self._room = trio.Event()
                if self._closing:
                    break
        except PEER_FAULTS:
            pass
        self.abort()

    async def _watch(self, keepalive: Keepalive) -> None:
        number = 0
        while True:
            await trio.sleep(max(0.0, keepalive.next_deadline() - self._now()))
            due = keepalive.due(self._now())
            if due is Due.DEAD:
                break
            if due is Due.PING:
                number = (number + 1) % 2**32
                self._traffic.ping(number)
                self._wake.set()
        self.abort()

    # Events.

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            if self._closing:
                return
            if type(event) is Packet:
                self._handlers.packet_received(self, event.packet)
            else:
                _ON_EVENT[type(event)](self, event)

    def _on_question(self, event: QuestionReceived) -> None:
        if self._requests >= MAX_REQUESTS or self._nursery is None:
            self._traffic.answer(event.call_id, encode_refusal("busy"))
            return
        self._requests += 1
        self._nursery.start_soon(self._answer, event)

    async def _answer(self, event: QuestionReceived) -> None:
        try:
            body = await self._handlers.request_received(self, event.body)
            await self._room_for_calls()
            self._traffic.answer(event.call_id, body)
            self._wake.set()
        except PEER_FAULTS:
            self.abort()
        finally:
            self._requests -= 1

    def _on_answer(self, event: AnswerReceived) -> None:
        waiter = self._waiting.get(event.call_id)
        if waiter is not None:
            waiter.answer = event.body
            waiter.event.set()

    def _on_notify(self, event: NotifyReceived) -> None:
        self._handlers.notify_received(self, event.body)

    def _on_stream_requested(self, event: StreamRequested) -> None:
        if self._nursery is not None:
            stream = self._new_stream(event.asked.stream_id)
            self._nursery.start_soon(self._serve_stream, event.asked, stream)

    async def _serve_stream(self, asked: Open, stream: LinkStream) -> None:
        reason = "done"
        try:
            await self._handlers.stream_opened(self, asked, stream)
        except RefusedError as refusal:
            reason = refusal.reason
        except PEER_FAULTS:
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
            self._traffic.streams,
            stream_id,
            wake_writer=self._wake_writer,
            let_go=self._let_go,
        )
        self._streams[stream_id] = stream
        self._wake.set()
        return stream

    def _wake_writer(self) -> None:
        self._wake.set()

    def _let_go(self, stream_id: int) -> None:
        self._streams.pop(stream_id, None)

    async def _room_for_calls(self) -> None:
        self._check_open()
        while self._traffic.calls_queued_bytes > CALLS_ENOUGH_BYTES:
            await self._room.wait()
            self._check_open()

    def _check_open(self) -> None:
        if self._closing:
            raise LinkClosedError("the link is closed")

    def _end(self) -> None:
        self._closing = True
        for waiter in self._waiting.values():
            waiter.event.set()
        for stream in list(self._streams.values()):
            stream.broken()
        self._room.set()
        self.closed.set()


_ON_EVENT: Final[dict[type, Any]] = {
    QuestionReceived: Connection._on_question,  # noqa: SLF001 - the table of own handlers
    AnswerReceived: Connection._on_answer,  # noqa: SLF001
    NotifyReceived: Connection._on_notify,  # noqa: SLF001
    StreamRequested: Connection._on_stream_requested,  # noqa: SLF001
    StreamRefused: Connection._on_stream_refused,  # noqa: SLF001
    StreamAccepted: Connection._on_stream_accepted,  # noqa: SLF001
    StreamReadable: Connection._on_stream_changed,  # noqa: SLF001
    StreamWritable: Connection._on_stream_changed,  # noqa: SLF001
    StreamClosed: Connection._on_stream_changed,  # noqa: SLF001
}

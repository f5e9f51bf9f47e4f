"""A pipe: one QUIC connection as a byte stream, with the task that keeps its timers.

What reads and writes only moves bytes between the caller and the core; one task sends what the core
has to send, so that the order of datagrams is the core's. Spec: docs/spec/link.md section 14.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio
from aioquic.quic import events

from zentalk.net.datagrams import Address
from zentalk.net.quic.core import QuicCore
from zentalk.net.quic.settings import (
    HANDSHAKE_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    WINDOW_BYTES,
)
from zentalk.net.signal import Signal
from zentalk.net.transport import CLOSE_SECONDS

SendDatagram: TypeAlias = Callable[[bytes, Address], Awaitable[None]]
_WRITE_FROM_BYTES: Final = WINDOW_BYTES // 4
_TICK_SECONDS: Final = 0.001
"""The shortest sleep: a timer of the core that does not move on cannot stop the program."""


class QuicPipe:
    """One connection as a byte stream. Made by an endpoint, which runs it.

    One task may read while another writes.
    """

    def __init__(self, core: QuicCore, peer_host: str, routes: dict[bytes, QuicPipe]) -> None:
        self._core = core
        self.peer_host = peer_host
        """The address it was made with; it may have changed since."""
        self._routes = routes
        """The pipe that each connection id means; kept up here for the names of this one."""
        self._names: set[bytes] = set()
        self._add_name(core.host_cid)
        self.opened = trio.Event()
        """Set when the handshake is done, and when it never will be: see `is_open`."""
        self._unread = bytearray()
        self._wake = Signal()
        self._may_read = trio.lowlevel.ParkingLot()
        self._may_write = trio.lowlevel.ParkingLot()
        self._has_begun = False
        self._is_open = False
        self._peer_ended = False
        self._peer_stopped = False
        self._is_over = False
        self._is_closed = False
        self._heard_at = self._began_at = trio.current_time()
        self._closed_at = math.inf

    @property
    def is_open(self) -> bool:
        """Whether the handshake was done and the connection is not over."""
        return self._is_open and not self._is_over

    async def send_all(self, data: bytes, /) -> None:
        """Send everything, as the peer reads; raises BrokenResourceError or ClosedResourceError."""
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while True:
            self._check_sending()
            count = min(len(rest), self._core.room_bytes) if self._is_open else 0
            if count:
                self._core.write(bytes(rest[:count]))
                self._wake.set()
                rest = rest[count:]
            if not rest:
                return
            await self._may_write.park()

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return some bytes, or b"" at the end; raises as `send_all`."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._is_closed:
                raise trio.ClosedResourceError("this stream is closed")
            if self._unread:
                data = bytes(self._unread[:max_bytes])
                del self._unread[:max_bytes]
                if self._core.was_read(len(data)):
                    self._wake.set()
                return data
            if self._peer_ended:
                return b""
            if self._is_over:
                raise trio.BrokenResourceError("the connection broke")
            await self._may_read.park()

    async def aclose(self) -> None:
        """Close: the other side reads what was sent, then the end."""
        if not self._is_closed:
            if self._is_open and not (self._is_over or self._peer_stopped):
                self._core.finish()
            self._close()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """Close, and let the other side know at once that it broke."""
        if self._is_open and not self._is_over:
            self._core.abandon()
        self._closed_at = -math.inf
        self._close()

    # For the endpoint.

    def begin(self, data: bytes, source: Address, called: bytes) -> bool:
        """Take the first datagram of a connection that somebody else asks for.

        `called` is how the other side calls it until it hears from us. Returns whether a handshake
        began.
        """
        self._add_name(called)
        self.take(data, source)
        return self._has_begun

    def forget(self) -> None:
        """Let nothing that arrives be for this connection any more."""
        for name in self._names:
            self._routes.pop(name, None)
        self._names.clear()

    def take(self, data: bytes, source: Address) -> None:
        """Take a datagram that is for this connection, by what it says."""
        self._core.receive_datagram(data, source, trio.current_time())
        self._take_events()
        # Not for each acknowledgement: waking a writer costs more than it then writes.
        if self._core.room_bytes >= _WRITE_FROM_BYTES:
            self._may_write.unpark_all()
        self._wake.set()

    def break_off(self) -> None:
        """End it at once, as if the other side were gone."""
        self._is_open = False
        self._end()

    async def run(self, send: SendDatagram) -> None:
        """Do what has to be done in time, until the connection is over."""
        try:
            while not (self._is_over or self._may_end()):
                await self._send(send)
                await self._wake.wait(max(self._next_at() - trio.current_time(), _TICK_SECONDS))
                self._handle_timers()
        finally:
            self._end()
            self.forget()
            with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_SECONDS):
                await self._say_goodbye(send)

    def _close(self) -> None:
        self._is_closed = True
        self._closed_at = min(self._closed_at, trio.current_time())
        self._unread.clear()
        if self._is_open and not self._is_over:
            self._core.refuse()
        self._wake_all()

    def _check_sending(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("this stream is closed")
        if self._is_over or self._peer_stopped:
            raise trio.BrokenResourceError("the other side reads no more")

    def _may_end(self) -> bool:
        """Whether nothing more has to be waited for."""
        now = trio.current_time()
        if not self._is_open:
            return self._is_closed or now >= self._opening_ends_at()
        if not self._is_closed:
            return False
        return self._core.has_delivered_all or now >= self._closed_at + LINGER_SECONDS

    def _opening_ends_at(self) -> float:
        # Whoever dials has a deadline of its own.
        is_client = self._core.configuration.is_client
        return math.inf if is_client else self._began_at + HANDSHAKE_SECONDS

    def _next_at(self) -> float:
        """Return when something is to be done if nothing happens until then."""
        timer = self._core.get_timer()
        ends_at = self._closed_at + LINGER_SECONDS if self._is_open else self._opening_ends_at()
        ping_at = self._heard_at + KEEP_ALIVE_SECONDS if self._is_open else math.inf
        return min(math.inf if timer is None else timer, ends_at, ping_at)

    def _handle_timers(self) -> None:
        now = trio.current_time()
        timer = self._core.get_timer()
        if timer is not None and timer <= now:
            self._core.handle_timer(now)
            self._take_events()
        if self._is_open and now >= self._heard_at + KEEP_ALIVE_SECONDS:
            self._heard_at = now
            self._core.send_ping(0)

    async def _send(self, send: SendDatagram) -> None:
        datagrams = self._core.datagrams_to_send(trio.current_time())
        self._take_events()  # it has named connection ids
        for data, address in datagrams:
            await send(data, address)

    async def _say_goodbye(self, send: SendDatagram) -> None:
        """Tell a peer that had shaken hands that this is the end; others get no answer."""
        if self._is_open:
            await self._send(send)  # what `abort` left
            self._core.close()
            await self._send(send)

    def _end(self) -> None:
        self._is_over = True
        self.opened.set()
        self._wake_all()

    def _wake_all(self) -> None:
        self._may_read.unpark_all()
        self._may_write.unpark_all()
        self._wake.set()

    def _add_name(self, name: bytes) -> None:
        self._names.add(name)
        self._routes[name] = self

    def _take_events(self) -> None:
        while (event := self._core.next_event()) is not None:
            self._take_event(event)

    def _take_event(self, event: events.QuicEvent) -> None:
        match event:
            case events.StreamDataReceived(data=data, end_stream=is_end):
                # There is one stream that it can be of.
                self._arrived(data, is_end=is_end)
            case events.StreamReset():
                self._end()
            case events.StopSendingReceived():
                self._peer_stopped = True
                self._may_write.unpark_all()
            case events.ProtocolNegotiated():
                self._has_begun = True
            case events.HandshakeCompleted():
                self._is_open = True
                self.opened.set()
                self._wake_all()
            case events.ConnectionIdIssued(connection_id=name):
                self._add_name(name)
            case events.ConnectionIdRetired(connection_id=name):
                self._names.discard(name)
                self._routes.pop(name, None)
            case events.ConnectionTerminated():
                self.break_off()  # there is nobody to say goodbye to

    def _arrived(self, data: bytes, *, is_end: bool) -> None:
        # Datagrams alone prove nothing: one that has our id could keep the sign of life away.
        self._heard_at = trio.current_time()
        self._peer_ended = self._peer_ended or is_end
        if self._is_closed:
            self._core.refuse()
        else:
            self._unread += data
            self._may_read.unpark_all()

"""Joins a link core to a byte stream: one reader, one writer, one watch for silence.

Spec: docs/spec/link.md section 9. The reader parses every whole frame of up to 64 KiB
and waits for nobody but the other links' turns; the writer sends one drain of the
outbox at a time. What the events mean is for the owner of the pump.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

import trio

from zentalk.errors import LocalProtocolError
from zentalk.link.events import Event
from zentalk.link.keepalive import DEAD_SECONDS, Due, Keepalive
from zentalk.link.link import Link
from zentalk.net.signal import Signal
from zentalk.net.transport import PEER_FAULTS, READ_BYTES, ByteStream, EagerStream

FLUSH_SECONDS: Final = 1.0
"""A closing link may take so long to send what was queued."""
STALL_SECONDS: Final = DEAD_SECONDS
"""A peer may take so long for the rest of a unit or record, and for reading one drain."""


class Turn(Protocol):
    """The turn of a link, among many, to work (`zentalk.net.turns.LinkTurn`)."""

    async def begin(self) -> None:
        """Wait while it is the turn of others."""
        ...

    def spent(self, events: int) -> None:
        """Count what was done."""
        ...


class _NoTurn:
    async def begin(self) -> None:
        pass

    def spent(self, _events: int) -> None:
        pass


class Meter:
    """The bytes that links have received and sent, all together; handshakes do not count."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0


def _nothing_now(_data: bytes, /) -> int:
    return 0


NO_TURN: Final[Turn] = _NoTurn()
"""The turn in programs with few links, which wait for nobody."""


class Pump:
    """Moves bytes of one open link. `on_events` may raise a fault of the peer's.

    `closing` is set at once by `close` and `abort`; `last_activity` is monotonic.
    """

    def __init__(
        self,
        link: Link,
        stream: ByteStream,
        *,
        monotonic: Callable[[], float],
        on_events: Callable[[list[Event]], None],
        turn: Turn = NO_TURN,
        meter: Meter | None = None,
    ) -> None:
        self._link = link
        self._traffic = link.traffic
        self._stream = stream
        self._send_now = stream.send_now if isinstance(stream, EagerStream) else _nothing_now
        self._now = monotonic
        self._on_events = on_events
        self._turn = turn
        self._meter = meter or Meter()
        self.last_activity = monotonic()
        self.closing = False
        fixed_units = self._traffic.fixed_units
        self._keepalive = Keepalive(
            self.last_activity, pings=link.is_initiator or not fixed_units, always=fixed_units
        )
        self._expects_reaction = False
        self._opened = 0
        self._mid_unit_since = math.inf
        self._wake = Signal()
        self._drains = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None

    @property
    def nursery(self) -> trio.Nursery:
        """The nursery in which tasks of this link run; they end with it."""
        if self._nursery is None:
            raise LocalProtocolError("this link does not run yet")
        return self._nursery

    def wake(self) -> None:
        """Let the writer send what was queued; costs nothing if that is nothing."""
        if self._traffic.has_data:
            self.queued()

    def queued(self) -> None:
        """Let the writer send: something was queued just now."""
        self._expects_reaction = True
        self._wake.set()

    async def drained(self) -> None:
        """Wait until the outbox is empty for once, or the link ends; call it on an open link."""
        await self._drains.park()

    def close(self) -> None:
        """End soon: what was queued is sent first, for at most a second."""
        if not self.closing:
            self.closing = True
            self._wake.set()
            if self._nursery is not None:
                scope = self._nursery.cancel_scope
                scope.deadline = min(scope.deadline, trio.current_time() + FLUSH_SECONDS)

    def abort(self) -> None:
        """End now."""
        self.closing = True
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def run(
        self, early: list[Event], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Pump until the link ends; `early` are events that came with the handshake's end."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._write)
                self._nursery.start_soon(self._read, early)
                self._nursery.start_soon(self._watch)
                task_status.started()
        finally:
            self.closing = True
            self._drains.unpark_all()
            self._traffic.release()
            with trio.CancelScope(shield=True), trio.move_on_after(FLUSH_SECONDS):
                await self._stream.aclose()

    async def _read(self, early: list[Event]) -> None:
        try:
            self._on_events(early)
            while data := await self._stream.receive_some(READ_BYTES):
                self.last_activity = now = self._now()
                self._keepalive.heard(now)
                self._meter.received += len(data)
                await self._turn.begin()
                events = self._link.receive(data)
                self._note_progress(now)
                self._on_events(events)
                self._turn.spent(len(events))
                if self._traffic.has_data:
                    self._wake.set()
        except PEER_FAULTS:
            pass
        self.abort()

    def _note_progress(self, now: float) -> None:
        """Remember since when a unit or record is here in part."""
        opened = self._traffic.units_opened
        if not self._traffic.is_mid_unit:
            self._mid_unit_since = math.inf
        elif opened != self._opened or self._mid_unit_since == math.inf:
            self._mid_unit_since = now
        self._opened = opened

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                while data := self._link.data_to_send():
                    self.last_activity = now = self._now()
                    if self._expects_reaction:
                        self._expects_reaction = False
                        self._keepalive.sent(now)
                    await self._send(data)
                self._drains.unpark_all()
                if self.closing:
                    break
        except (*PEER_FAULTS, trio.TooSlowError):
            pass
        self.abort()

    async def _send(self, data: bytes) -> None:
        """Send one drain, at once as a rule; others have their turn if there is more to send."""
        self._meter.sent += len(data)
        rest = data[self._send_now(data) :]
        if rest:
            with trio.fail_after(STALL_SECONDS):
                await self._stream.send_all(rest)
        elif self._traffic.has_data:
            await trio.lowlevel.checkpoint()

    async def _watch(self) -> None:
        number = 0
        while True:
            now = self._now()
            due = self._keepalive.due(now)
            if due is Due.DEAD or now >= self._mid_unit_since + STALL_SECONDS:
                break
            if due is Due.PING:
                number = (number + 1) % 2**32
                self._traffic.ping(number)
                self._wake.set()
            # A unit that is here in part from now on is not overdue before then either.
            stalled_at = self._mid_unit_since + STALL_SECONDS
            await trio.sleep(min(self._keepalive.next_look(now), stalled_at) - now)
        self.abort()

"""Wakes devices that are not here when something happens.

A device has missed an event if no request of it began after the event. While a request or stream
of it is open it is not woken: it may be reading. It is woken some seconds later, unless it comes by
itself, and then not again before it has been here. What was missed is read from the event log, so a
restart loses no wake-up; it may make one more than needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from zentalk.directory.allowance import Allowance
from zentalk.errors import RemoteProtocolError
from zentalk.net.backoff import spread
from zentalk.net.runtime import Runtime
from zentalk.node.devices.attendance import Attendance
from zentalk.node.event_log import EventLog
from zentalk.node.notify import wakes
from zentalk.node.notify.push import note
from zentalk.node.notify.push_sender import PushSender
from zentalk.node.notify.tasks import TaskForEach
from zentalk.store.history import chats, event_filter, push
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredEvent
from zentalk.store.history.push import PushRow
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import parse_address

_PAGE: Final = 50


@dataclass(slots=True)
class _Watch:
    """What is known of one endpoint in this life of the node. Times are monotonic seconds."""

    since: float
    """When the endpoint was registered (unix seconds): another one has another watch."""
    allowance: Allowance
    looked_to: int
    seen_to: int
    """The newest event when the last request of the device began."""
    visits: int = 0
    visits_when_woken: int = 0
    missed: int = 0
    """An event that the device has not seen; 0 without any."""
    due: float = 0.0
    moved: trio.Event = field(default_factory=trio.Event)


class Waker:
    """Wakes devices while `run` runs; `poke` tells it whose endpoint has changed.

    `seconds` is the longest delay of a wake-up.
    """

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        log: EventLog,
        attendance: Attendance,
        sender: PushSender,
        seconds: float,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._log = log
        self._attendance = attendance
        self._sender = sender
        self._seconds = seconds
        self._watches: dict[str, _Watch] = {}
        self._tasks = TaskForEach(self._names, self._step)
        self.poke = self._tasks.poke
        attendance.on_move = self._moved

    async def run(self) -> None:
        """Wake devices until cancelled."""
        await self._tasks.run()

    async def _names(self) -> list[str]:
        return [row.device for row in await until_stored(partial(self._database.read, push.every))]

    def _moved(self, device: str) -> None:
        """Note at once that a device has begun or ended a request."""
        watch = self._watches.get(device)
        if watch is None:
            return
        visits = self._attendance.visits(device).count
        if visits > watch.visits:
            watch.seen_to = self._log.last_seq
        watch.visits = visits
        watch.due = max(watch.due, self._later())
        watch.moved.set()
        watch.moved = trio.Event()

    def _later(self) -> float:
        return self._runtime.monotonic() + spread(self._seconds, self._runtime.entropy)

    async def _step(self, device: str, wait: trio.CancelScope) -> bool:
        """Do the next thing for a device; False once it has no endpoint."""
        row = await self._row(device)
        if row is None:
            self._watches.pop(device, None)
            return False
        watch = self._watches.get(device)
        if watch is None or watch.since != row.created_at:
            watch = self._watches[device] = await self._begin(row)
        if row.stopped:
            with wait:
                await trio.sleep_forever()
        elif row.woken_at is not None:
            await self._await_return(row, watch, wait)
        elif not watch.missed:
            await self._look(row, watch, wait)
        elif await self._is_due(row, watch, wait):
            await self._wake(row, watch)
        return True

    async def _begin(self, row: PushRow) -> _Watch:
        """Find out what a device may have missed in earlier lives of the node.

        When it was last here is known to the minute; in doubt it has missed something.
        """
        seen = self._attendance.last_seen(row.device) or 0.0
        last, visits = self._log.last_seq, self._attendance.visits(row.device).count
        query = partial(event_filter.newest, after=row.cursor, wanted=row.wanted)
        newest = await until_stored(partial(self._database.read, query))
        was_missed = newest is not None and newest.seq <= last and newest.at >= seen
        watch = _Watch(row.created_at, wakes.allowance(self._runtime.monotonic()), last, last)
        watch.visits = watch.visits_when_woken = visits
        if row.woken_at is not None and seen > row.woken_at:
            watch.visits_when_woken = -1
        elif was_missed and newest is not None and await self._missed([newest]):
            watch.missed, watch.due, watch.seen_to = newest.seq, self._later(), newest.seq - 1
        return watch

    async def _await_return(self, row: PushRow, watch: _Watch, wait: trio.CancelScope) -> None:
        """Wait until a device that was woken comes, and wake it for later events again."""
        if watch.visits > watch.visits_when_woken:
            await self._save(wakes.back(row, watch.seen_to))
            return
        with wait:
            await watch.moved.wait()

    async def _look(self, row: PushRow, watch: _Watch, wait: trio.CancelScope) -> None:
        """Look for an event that the device misses."""
        page = await self._log.page(max(watch.looked_to, watch.seen_to), _PAGE, row.wanted)
        watch.looked_to = page.next
        missed = await self._missed(page.events)
        if missed > watch.seen_to:
            watch.missed, watch.due = missed, self._later()
        elif not page.events:
            with wait:
                await self._log.wait_events(page.next)

    async def _is_due(self, row: PushRow, watch: _Watch, wait: trio.CancelScope) -> bool:
        """Wait for a while; True once a device is to be woken now."""
        if watch.seen_to >= watch.missed:
            watch.missed = 0
            return False
        now = self._runtime.monotonic()
        pause = max(watch.due - now, wakes.spacing(row, self._runtime.wall()))
        if self._attendance.visits(row.device).is_open:
            pause = math.inf
        elif pause <= 0.0:
            if watch.allowance.take(now):
                return True
            pause = watch.allowance.seconds_until() + 1.0
        with wait, trio.move_on_after(pause):
            await watch.moved.wait()
        return False

    async def _wake(self, row: PushRow, watch: _Watch) -> None:
        fresh = await self._row(row.device)
        if fresh != row:
            return  # Revoked, or changed in the meantime.
        seq, watch.visits_when_woken = self._log.last_seq, watch.visits
        answer = await self._sender.send(row)
        now = self._runtime.wall()
        row = wakes.after(row, answer, seq, now, self._runtime.entropy)
        if row.woken_at is not None:
            watch.missed, watch.looked_to = 0, seq
        await self._save(row)

    async def _missed(self, found: Sequence[StoredEvent]) -> int:
        """Return the number of the newest event that is in no muted conversation, 0 if none is."""
        now = self._runtime.wall()
        query = partial(_loud, found=found, now=now)
        return await until_stored(partial(self._database.read, query)) if found else 0

    async def _row(self, device: str) -> PushRow | None:
        query = partial(push.get, device=device)
        return await until_stored(partial(self._database.read, query))

    async def _save(self, row: PushRow) -> None:
        now = self._runtime.wall()
        job = partial(note, row=row, now=now)
        await until_stored(partial(self._database.write, job))


def _loud(tx: Transaction, found: Sequence[StoredEvent], now: float) -> int:
    return max((each.seq for each in found if not _is_muted(tx, each, now)), default=0)


def _is_muted(tx: Transaction, event: StoredEvent, now: float) -> bool:
    try:
        contact = parse_address(str(event.data.get("conversation", "")))
    except RemoteProtocolError:
        return False
    return chats.muted_until(tx, contact) > now

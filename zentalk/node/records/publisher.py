"""Publishes the owner's user records: offers each day's at its time, and looks that it stays there.

Spec: docs/spec/directory.md section 7. Records go out ahead, so that an owner who is away stays
reachable, and at times of their own, so that those of different days are not linked by the moment
of their arrival. Each day has its own public send ids, so two records of one person share nothing
but their reader. It must never offer other bytes, or anything sooner, because the node has started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import trio

from zentalk.directory.records import Refusal, is_valid_on
from zentalk.errors import ATTEMPT_FAULTS
from zentalk.ids import Day, MailboxId, day_at
from zentalk.net.backoff import half_jitter
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.messages.routes import current
from zentalk.node.records import schedule
from zentalk.node.records.holders import RecordHolders
from zentalk.node.records.own_records import OwnRecords
from zentalk.store.history import own_records
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.own_records import OwnRecord, RecordState
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

T = TypeVar("T")

PLAN_SECONDS: Final = 3600.0
"""How often it is looked whether a new day can be sealed."""
CHECK_SECONDS: Final = 30.0
"""How often a publisher that waits looks at the clock, and whether holders have moved."""
SETTLE_SECONDS: Final = 10.0
"""How long after its first mailbox a node that starts waits for the other."""
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_URGENT_SECONDS: Final = 60.0
"""The longest wait between two tries while readers may look for a record that no holder has."""
LONGEST_WAIT_SECONDS: Final = 3600.0
"""The longest wait for all other records, also for those that holders claim to have in a later
form: we seal anew then."""


class RecordPublisher:
    """Publishes the records of one owner; `published` is set once today's has a holder."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        holders: RecordHolders,
        records: OwnRecords,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._holders = holders
        self._records = records
        self._working: frozenset[MailboxId] = frozenset()
        self._changed = Signal()
        self._failures: Counter[Day] = Counter()
        self.published = trio.Event()

    def changed(self, working: frozenset[MailboxId]) -> None:
        """Our mailboxes may be others than records say; the `working` are collected now."""
        self._working = working
        self._changed.set()

    async def run(self) -> None:
        """Offer each record at its time, until cancelled."""
        await self._changed.wait()
        await self._write(self._records.resume)
        # Whoever was on before is found by the record of then: it waits for nobody.
        self._note_published(await until_stored(partial(self._database.read, own_records.every)))
        await self._settle()
        while True:
            self._changed.take()
            rows = await self._write(partial(self._records.plan, working=self._working))
            self._note_published(rows)
            if (day := await self._next(rows)) is not None:
                await self._serve(day)

    async def _settle(self) -> None:
        """Wait for our other mailbox: a record that names one of two would be changed at once."""
        query = partial(self._database.read, current)
        with trio.move_on_after(SETTLE_SECONDS):
            while not {row.mailbox for row in await until_stored(query)} <= self._working:
                await self._changed.wait()

    async def _next(self, rows: Sequence[OwnRecord]) -> Day | None:
        """Return the day whose turn it is, once it is; None if the plan is to be made anew."""
        today, relays = day_at(self._runtime.wall()), self._holders.known_relays()
        ends = self._runtime.wall() + PLAN_SECONDS
        at, _, day = min(
            ((row.next_at, abs(row.day - today), row.day) for row in rows),
            default=(ends, 0, today),
        )
        while (wait := min(at, ends) - self._runtime.wall()) > 0:
            if await self._changed.wait(min(wait, CHECK_SECONDS)):
                return None
            if self._has_moved(relays):
                await self._write(self._records.hasten)
                return None
        return day if at < ends else None

    def _has_moved(self, relays: int) -> bool:
        """Tell whether the network has grown or shrunk so much that holders moved."""
        known = self._holders.known_relays()
        return abs(known - relays) > max(1, relays // 5)

    async def _serve(self, day: Day) -> None:
        """Offer the record of a day, or see whether its holders still have it."""
        row = await self._write(partial(self._records.take_up, day=day))
        if row is None or row.raw is None:
            return
        try:
            if row.state is RecordState.HELD and is_valid_on(day, self._runtime.wall()):
                await self._look(day, row.raw)
            else:
                await self._offer(day, row.raw)
        except ATTEMPT_FAULTS:
            is_urgent = row.state is not RecordState.HELD and schedule.is_urgent(
                day, self._runtime.wall()
            )
            wait = self._wait(day, LONGEST_URGENT_SECONDS if is_urgent else LONGEST_WAIT_SECONDS)
            await self._write(partial(self._records.put_off, day=day, wait=wait))

    async def _offer(self, day: Day, raw: bytes) -> None:
        outcome = await self._holders.publish_record(raw)
        if outcome.refused.get(Refusal.STALE.value, 0) > outcome.stored:
            # A holder that refuses as stale claims to have a later record. Records of days to come
            # cannot be read to see whether that is true, so ours is sealed anew above it.
            wait = self._wait(day, LONGEST_WAIT_SECONDS)
            await self._write(partial(self._records.outdone, day=day, other=None, wait=wait))
            return
        self._failures.pop(day, None)
        by_few = outcome.failed > outcome.stored
        await self._write(partial(self._records.held, day=day, by_few=by_few))

    async def _look(self, day: Day, raw: bytes) -> None:
        found = await self._holders.survey(raw)
        if found.above is not None:
            await self._write(partial(self._records.outdone, day=day, other=found.above))
            return
        if found.lacking:
            await self._holders.publish_record(raw, found.lacking)
        self._failures.pop(day, None)
        await self._write(partial(self._records.held, day=day, by_few=False))

    def _wait(self, day: Day, longest: float) -> float:
        """Count a failure; return how long to wait after it, in seconds."""
        failures = self._failures[day]
        self._failures[day] += 1
        return half_jitter(failures, FIRST_WAIT_SECONDS, longest, self._runtime.entropy)

    def _note_published(self, rows: Sequence[OwnRecord]) -> None:
        now = self._runtime.wall()
        for row in rows:
            is_true = row.change_at is None or row.change_at > now
            if row.day == day_at(now) and row.state is RecordState.HELD and is_true:
                self.published.set()

    async def _write(self, job: Callable[..., T]) -> T:
        """Run a job of the records with the time of now, once it can be stored."""

        def run(tx: Transaction) -> T:
            return job(tx, now=self._runtime.wall())

        return await until_stored(partial(self._database.write, run))

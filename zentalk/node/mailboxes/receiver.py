"""The way in: pushed envelopes are saved in batches, then acknowledged and confirmed.

The order is the product's promise: commit first, then the ack that lets the relay
delete, then the confirmation that lets the sender forget. What waits for its predecessors is
confirmed by the commit that lets it in. A batch that cannot be saved
is not acknowledged; its relay pushes it again. A relay that pushes without end must cost
no other relay its place or its turn, and what strangers sent and finds no room is deferred:
it must not stand in the way of what contacts send.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Final, NamedTuple, Protocol

import trio

from zentalk.errors import StorageError
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages import ordering
from zentalk.node.messages.receive import Inbox
from zentalk.node.messages.routes import Collected
from zentalk.store.history import held
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored

MAX_BATCH: Final = 64
MAX_WAITING: Final = 128
"""Pushed by one collector's relay and not yet saved: a window, and another when a lease ends."""
RELEASE_STEP_SECONDS: Final = 0.1


class MailSource(Protocol):
    """A collector: where a pushed envelope came from."""

    def acknowledge(self, seqs: list[int]) -> None:
        """Tell the relay that these are saved."""
        ...

    def defer(self, seqs: list[int]) -> None:
        """Tell the relay that there is no room for these now."""
        ...

    def give_up(self) -> None:
        """Leave the relay, so that it pushes what was not acknowledged again."""
        ...


class _Pushed(NamedTuple):
    source: MailSource
    seq: int
    envelope: Collected


class _Waiting:
    """What was pushed and is not saved yet: as much of each source, taken from all by turns."""

    def __init__(self) -> None:
        self._by_source: dict[int, deque[_Pushed]] = {}

    def add(self, pushed: _Pushed) -> bool:
        """Queue an envelope; False if as much as may wait of its source does."""
        queue = self._by_source.setdefault(id(pushed.source), deque())
        if len(queue) >= MAX_WAITING:
            return False
        queue.append(pushed)
        return True

    def take(self, count: int) -> list[_Pushed]:
        """Remove and return up to `count`, of each source in the order of its pushes."""
        taken: list[_Pushed] = []
        while self._by_source and len(taken) < count:
            source = next(iter(self._by_source))
            queue = self._by_source.pop(source)
            taken.append(queue.popleft())
            if queue:
                self._by_source[source] = queue  # behind the others
        return taken


class Receiver:
    """Queue and loop between collectors and the database. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        inbox: Inbox,
        outbox: Outbox,
        board: SignalBoard,
        direct: DirectBoard,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._inbox = inbox
        self._outbox = outbox
        self._board = board
        self._direct = direct
        self._waiting = _Waiting()
        self._wake = Signal()
        self._holding = Signal()
        self.undecryptable = 0

    def push(self, source: MailSource, seq: int, envelope: Collected) -> None:
        """Take an envelope; it is acknowledged through `source` once it is saved."""
        if not self._waiting.add(_Pushed(source, seq, envelope)):
            source.give_up()
            return
        self._wake.set()

    async def take_up(self) -> None:
        """Let what an earlier version kept without knowing it count; the outbox is loaded."""
        job = partial(self._inbox.take_up, now=self._runtime.wall())
        await self._outbox.carry_out(await self._database.write(job))

    async def run(self) -> None:
        """Save what was pushed, until cancelled."""
        while True:
            await self._wake.wait()
            while batch := self._waiting.take(MAX_BATCH):
                await self._save(batch)

    async def release(self) -> None:
        """Let messages in whose predecessors stay away, and confirm them, until cancelled."""
        while True:
            next_release = partial(self._database.read, held.next_release)
            while (due := await until_stored(next_release)) is None:
                await self._holding.wait()
            wait = due - self._runtime.wall()
            await trio.sleep(max(RELEASE_STEP_SECONDS, min(wait, ordering.HOLD_SECONDS)))
            overdue = partial(self._inbox.release_overdue, now=self._runtime.wall())
            effects = await until_stored(partial(self._database.write, overdue))
            await self._outbox.carry_out(effects)

    async def _save(self, batch: list[_Pushed]) -> None:
        deposits = [pushed.envelope for pushed in batch]
        now = self._runtime.wall()
        try:
            effects = await self._database.write(lambda tx: self._inbox.process(tx, deposits, now))
        except StorageError:
            for source in {id(pushed.source): pushed.source for pushed in batch}.values():
                source.give_up()
            return
        told: dict[int, tuple[MailSource, list[int], list[int]]] = {}
        for place, pushed in enumerate(batch):
            _, saved, deferred = told.setdefault(id(pushed.source), (pushed.source, [], []))
            (deferred if place in effects.deferred else saved).append(pushed.seq)
        for source, saved, deferred in told.values():
            if saved:
                source.acknowledge(saved)
            if deferred:
                source.defer(deferred)
        self.undecryptable += effects.undecryptable
        if effects.held:
            self._holding.set()
        self._board.took_in(effects.heard, effects.signals)
        self._direct.took_in(effects.heard, effects.offers)
        await self._outbox.carry_out(effects)

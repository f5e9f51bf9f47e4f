"""Work that a relay does by itself: leases end, crashes are put right, logs are emptied.

Spec: docs/spec/mesh.md section 8. Everything is done in bounded steps, so that puts go on between
them. Nothing is removed while the folder may be gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import trio

from zentalk.errors import StorageError
from zentalk.logs import quiet_logger
from zentalk.mailbox.clock import MailClock
from zentalk.mesh.leases import hour_at
from zentalk.net.runtime import Runtime
from zentalk.relay.shards.keeping import ShardKeeper
from zentalk.store.shards import rows
from zentalk.store.shards.files import PREFIXES
from zentalk.store.shards.orphans import reconcile
from zentalk.store.shards.rows import Doomed
from zentalk.store.shards.shelf import ShardShelf
from zentalk.store.shards.store import ShardStore
from zentalk.store.sqlite import Transaction

SWEEP_SECONDS: Final = 3600.0
STEP: Final = 256
"""Shards that are removed in one transaction."""
Work: TypeAlias = Callable[[ShardStore], Awaitable[None]]
_LOG: Final = quiet_logger("zentalk.relay")


class ShardUpkeep:
    """Looks after the store of a shelf while `run` runs; `counters` get what was done."""

    def __init__(
        self, runtime: Runtime, shelf: ShardShelf, keeper: ShardKeeper, counters: Counter[str]
    ) -> None:
        self._runtime = runtime
        self._shelf = shelf
        self._keeper = keeper
        self._counters = counters
        self._clock = MailClock(runtime.wall(), runtime.monotonic(), kept_hour=0)

    async def run(self) -> None:
        """Put right what a crash has left, then sweep every hour, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._guarded, self.put_right)
            while True:
                await self._guarded(self.sweep)
                await trio.sleep(SWEEP_SECONDS)

    async def sweep(self, store: ShardStore) -> None:
        """Remove what has expired; raises StorageError."""
        if not store.place.still_there():
            raise store.place.gone()
        hour = self._over_hour()

        def choose(tx: Transaction) -> tuple[int, list[Doomed]]:
            found = rows.expired(tx, hour, STEP)
            return len(found), [rows.remove(tx, row) for row in found]

        while removed := await store.remove(choose):
            self._counters["ended"] += removed
        while await store.write(lambda tx: rows.drop_tombstones(tx, hour, STEP)):
            await trio.lowlevel.checkpoint()
        await store.write(self._keeper.forget_nonces)
        await store.read(self._keeper.room.count)
        # Ids and lease keys of what was removed are in the log until then.
        await store.scrub()

    def _over_hour(self) -> int:
        """Return the hour by which leases are over: a date that jumps ahead ends none early."""
        wall, now = self._runtime.wall(), self._runtime.monotonic()
        self._clock.read(wall, now)
        return min(hour_at(wall), self._clock.hour(now))

    async def put_right(self, store: ShardStore) -> None:
        """Compare index and folder after a start; raises StorageError."""
        strays = lost = 0
        for prefix in range(PREFIXES):
            found = await reconcile(store, prefix, self._runtime.run_blocking)
            strays, lost = strays + found.strays, lost + found.lost
        if strays or lost:
            self._counters.update(strays=strays, lost=lost)
            await store.read(self._keeper.room.count)
            _LOG.warning("shards_put_right", strays=strays, lost=lost)

    async def _guarded(self, work: Work) -> None:
        """Do some work with the store, if there is one; a failing disk ends nothing."""
        with suppress(StorageError), self._shelf.watching():
            store = self._shelf.store
            if store is not None:
                await work(store)

"""Looks at the owner's published record, and silences a node that is outdone.

A node looks before it collects, and every hour. That takes the way into the network, so of all
tasks only this one runs before. Who finds a higher term stops everything else for good: what two
nodes of one address send and collect, each misses the half of. It must say so in every place
where its owner may look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import trio

from zentalk.errors import ATTEMPT_FAULTS, NotPublishedError
from zentalk.ids import UserAddress
from zentalk.linked.terms import (
    CHECK_SECONDS,
    PATIENCE_SECONDS,
    TermVerdict,
    judge,
)
from zentalk.logs import quiet_logger
from zentalk.net.runtime import Runtime
from zentalk.node.linked.status import OUTDONE
from zentalk.node.network import NodeNetwork
from zentalk.node.records.lookup import RecordLookup
from zentalk.store.history import events, terms
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

NOTICE_SECONDS: Final = 60.0
"""How often it is looked whether another task has found a higher term, or a copy of the folder."""
AT_START: Final = 10
"""How often it is tried to read the own record before mail is collected all the same."""
_LOG: Final = quiet_logger("zentalk.node")

Task: TypeAlias = Callable[[], Awaitable[None]]


class _Known(NamedTuple):
    own: int
    outdone_by: int
    is_watched: bool
    copied_at: int


class TermWatch:
    """Runs the tasks of a node for as long as it is the first."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        network: NodeNetwork,
        records: RecordLookup,
        own: UserAddress,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._network = network
        self._records = records
        self.own = own
        self._scope = trio.CancelScope()
        self._looked_at = float("-inf")
        self.is_outdone = False

    def notes(self) -> tuple[str, ...]:
        """Return what the owner is warned of."""
        return (OUTDONE,) if self.is_outdone else ()

    async def run(self, reach: Task, tasks: Sequence[Task]) -> None:
        """Run `reach`, the way into the network, and then all tasks, until this node is outdone."""
        known = await self._known()
        if known.outdone_by > known.own:
            self._fall_silent()
            return
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reach)
                if known.is_watched:
                    await self._look_at_start()
                for task in tasks:
                    nursery.start_soon(task)
                nursery.start_soon(self._keep_looking)

    async def _look_at_start(self) -> None:
        """Look before anything is collected; relays that do not answer delay that and no more."""
        with trio.move_on_after(PATIENCE_SECONDS):
            await self._network.connected()
            for _ in range(AT_START):
                if await self._look():
                    return
                await trio.sleep(PATIENCE_SECONDS / AT_START)

    async def _keep_looking(self) -> None:
        while True:
            await trio.sleep(NOTICE_SECONDS)
            known = await self._known()
            if known.outdone_by > known.own:
                await self._outdone(known.outdone_by)
            since = self._runtime.wall() - self._looked_at
            is_new = known.copied_at > self._looked_at
            if known.is_watched and (is_new or not 0 <= since < CHECK_SECONDS):
                await self._look()

    async def _look(self) -> bool:
        """Read the owner's record; False if it could not be read."""
        try:
            seen: int | None = (await self._records.find(self.own)).term
        except NotPublishedError:
            seen = None
        except ATTEMPT_FAULTS:
            return False
        self._looked_at = self._runtime.wall()
        known = await self._known()
        if seen is not None and judge(known.own, seen) is TermVerdict.OUTDONE:
            await self._outdone(seen)
        return True

    async def _outdone(self, term: int) -> None:
        """Note a higher term, say so, and stop everything."""

        def job(tx: Transaction) -> None:
            terms.put_outdone(tx, term)
            events.append(tx, "node.outdone", self._runtime.wall(), {"note": OUTDONE})

        await until_stored(partial(self._database.write, job))
        _LOG.warning("node_outdone", note=OUTDONE)
        self._fall_silent()
        self._scope.cancel()
        await trio.lowlevel.checkpoint()

    def _fall_silent(self) -> None:
        self.is_outdone = True
        self._database.frozen = OUTDONE

    async def _known(self) -> _Known:
        def query(tx: Transaction) -> _Known:
            return _Known(
                terms.own(tx), terms.outdone_by(tx), terms.is_watched(tx), terms.copied_at(tx)
            )

        return await until_stored(partial(self._database.read, query))

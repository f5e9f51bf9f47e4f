"""Deletes files at their holders, which are asked until they confirm or their leases have ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS
from zentalk.ids import NodeId, ShardId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.files.care.moving import LEASE_SECONDS
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.maps import places_of_row
from zentalk.store.history import events, file_care, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.statement import Op

RETRY_SECONDS: Final = 600.0


class Deletes:
    """Deletes what is to go; `poke` after a file was marked."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        calls: HolderCalls,
        gone: Callable[[bytes], None],
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._calls = calls
        self._gone = gone
        self.poked = Signal()

    async def run(self) -> None:
        """Delete, until cancelled."""
        while True:
            waiting = await until_stored(
                lambda: self._database.read(lambda tx: files.in_state(tx, FileState.DELETING))
            )
            for file in waiting:
                await until_stored(partial(self._try, file))
            await self.poked.wait(RETRY_SECONDS)

    async def _try(self, file: StoredFile) -> None:
        """Ask all holders, and forget the file once all have confirmed."""
        left = await self._database.read(partial(_lying, file))
        silent: set[NodeId] = set()

        async def ask(holder: NodeId) -> None:
            assert file.owner_secret is not None
            try:
                await self._calls.change(holder, file.owner_secret, Op.DELETE, left[holder])
            except RELAY_FAULTS:
                silent.add(holder)

        async with trio.open_nursery() as nursery:
            for holder in left:
                nursery.start_soon(ask, holder)
        now = self._runtime.wall()
        if silent and now < (file.renewed_at or file.created_at) + LEASE_SECONDS:
            reason = f"{len(silent)} of {len(left)} relays have not confirmed: they are asked again"
            await self._database.write(lambda tx: files.set_reason(tx, file.id, reason))
            return

        def forget(tx: Transaction) -> None:
            files.forget(tx, file.id)
            cid = "" if file.cid is None else file.cid.hex()
            events.append(tx, "file.removed", now, {"id": file.id.hex(), "cid": cid})

        await self._database.write(forget)
        self._gone(file.id)


def _lying(file: StoredFile, tx: Transaction) -> dict[NodeId, list[ShardId]]:
    """Return what holders may have of a file, also what is in no row of it any more."""
    found: dict[NodeId, set[ShardId]] = {}
    for row in files.parts(tx, file.id):
        for place in places_of_row(file, row):
            found.setdefault(place.holder, set()).add(place.id)
    for one in file_care.leftovers(tx, file.id):
        found.setdefault(one.holder, set()).add(one.id)
    return {holder: sorted(ids) for holder, ids in found.items()}

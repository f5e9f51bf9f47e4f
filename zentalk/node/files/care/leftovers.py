"""Deletes shards of kept files that are wanted no more: old heads, and other bytes.

A holder that does not answer is asked again until the lease has ended there.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

import trio

from zentalk.errors import ATTEMPT_FAULTS, RELAY_FAULTS
from zentalk.ids import NodeId, ShardId
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.pace import file_pause
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.store.history import file_care, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.file_care import Leftover
from zentalk.store.history.files import StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.statement import Op


class Leftovers:
    """Clears away what is left over."""

    def __init__(self, runtime: Runtime, database: HistoryDatabase, calls: HolderCalls) -> None:
        self._runtime = runtime
        self._database = database
        self._calls = calls

    async def clear(self) -> None:
        """Ask each holder once; what it does not confirm stays for the next time.

        Between two files there is a pause in which the links to their holders end.
        """
        now = self._runtime.wall()
        with suppress(*ATTEMPT_FAULTS):
            waiting = await self._database.read(lambda tx: file_care.with_leftovers(tx, now))
            for number, file_id in enumerate(waiting):
                if number:
                    await trio.sleep(file_pause(self._runtime.entropy))
                await self._clear(file_id)

    async def _clear(self, file_id: bytes) -> None:
        def load(tx: Transaction) -> tuple[StoredFile | None, list[Leftover]]:
            return files.get(tx, file_id), file_care.leftovers(tx, file_id)

        file, left = await self._database.read(load)
        if file is None or file.owner_secret is None:
            return
        now = self._runtime.wall()
        gone = [(one.holder, one.id) for one in left if one.until <= now]
        due: defaultdict[NodeId, list[ShardId]] = defaultdict(list)
        for one in left:
            if one.is_due and one.until > now:
                due[one.holder].append(one.id)
        for holder, ids in due.items():
            with suppress(*RELAY_FAULTS):
                answered = await self._calls.change(holder, file.owner_secret, Op.DELETE, ids)
                gone += [(holder, one) for one in answered]
        await self._database.write(lambda tx: file_care.not_left(tx, file_id, gone))

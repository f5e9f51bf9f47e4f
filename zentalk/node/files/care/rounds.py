"""Looks after all files of an owner, one after the other, as each is due.

Spec: docs/spec/mesh.md section 11. Between two files the links to their holders end, so that
holders do not learn which files are of one owner; the order is drawn. A node that was off for long
cannot tell silence from its own sleep: it begins to count anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import trio

from zentalk.mesh.audit import AUDIT_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.files.care.books import LastCheck, last_check
from zentalk.node.files.care.leftovers import Leftovers
from zentalk.node.files.care.newer import VersionSweep
from zentalk.node.files.care.pace import LOOK_SECONDS, file_pause, look_pause, reading_chance
from zentalk.node.files.care.rotation import FileRotation
from zentalk.node.files.care.visits import FileVisits
from zentalk.store.history import file_care, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

ASLEEP_SECONDS: Final = 2 * AUDIT_SECONDS
"""A node that has looked at nothing for so long was off."""


@dataclass(frozen=True, slots=True)
class _Round:
    """The files that are due, in any order, and the chance with which a sample is read."""

    due: tuple[bytes, ...]
    chance: float


class FileCare:
    """Looks after files; `poked` is to be set when there is something to delete."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        visits: FileVisits,
        leftovers: Leftovers,
        sweep: VersionSweep,
        rotation: FileRotation,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._visits = visits
        self._leftovers = leftovers
        self._sweep = sweep
        self._rotation = rotation
        self.poked = Signal()

    async def run(self) -> None:
        """Look after files, until cancelled."""
        while True:
            found = await until_stored(lambda: self._database.write(self._begin))
            await self._leftovers.clear()
            for file_id in found.due:
                await self._pause()
                await self._visits.visit(file_id, found.chance)
            await self._sweep.step()
            await self.poked.wait(look_pause(self._runtime.entropy))

    async def rotate(self, file: StoredFile) -> StoredFile:
        """Give a file another share secret; raises as `FileRotation.rotate`."""
        rotated = await self._rotation.rotate(file)
        self.poked.set()
        return rotated

    async def last_check(self, file: StoredFile) -> LastCheck:
        """Return what was found of a file when it was looked after last."""
        return await self._database.read(lambda tx: last_check(tx, file.id))

    async def _pause(self) -> None:
        until = trio.current_time() + file_pause(self._runtime.entropy)
        while await self.poked.wait(until - trio.current_time()):
            await self._leftovers.clear()

    def _begin(self, tx: Transaction) -> _Round:
        """Note that the node is awake, and return what is due."""
        now = self._runtime.wall()
        file_care.awake(tx, now, ASLEEP_SECONDS)
        kept = [one for one in files.in_state(tx, FileState.KEPT) if one.owner_secret is not None]
        due = [
            (self._runtime.entropy(8), one.id)
            for one in kept
            if one.checked_at is None or now - one.checked_at >= AUDIT_SECONDS - LOOK_SECONDS
        ]
        return _Round(
            tuple(file_id for _, file_id in sorted(due)), reading_chance(one.size for one in kept)
        )

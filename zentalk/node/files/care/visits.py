"""One file is looked after: its holders are asked, and what they have lost is put elsewhere.

Spec: docs/spec/mesh.md section 11. What was found is written down before anything is repaired, and
that the file was looked after once all is done: what a crash leaves is found again at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS, RELAY_FAULTS, ConflictError
from zentalk.mesh.audit import LOST
from zentalk.mesh.placement import needed
from zentalk.mesh.repair import find_repairs
from zentalk.net.runtime import Runtime
from zentalk.node.files.care import books
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.care.checking import FileChecker
from zentalk.node.files.care.pace import segment_pause
from zentalk.node.files.care.repairing import FileRepairer
from zentalk.node.files.views import event_data
from zentalk.store.history import events, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction

SILENT: Final = (
    "relays that keep this file do not answer, and it cannot be read without them: they are asked"
    " again every day"
)
NO_ROOM: Final = (
    "relays have lost this file, and none takes it again now: it lies at this node alone, and is"
    " tried again every day"
)
LOST_FILE: Final = (
    "relays have lost so much of this file that it cannot be read any more, and it does not lie at"
    " this node: send it again if you have it elsewhere"
)


class FileVisits:
    """Looks after files, one at a time."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        checker: FileChecker,
        repairer: FileRepairer,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._checker = checker
        self._repairer = repairer

    async def visit(self, file_id: bytes, chance: float) -> None:
        """Look after one file; each sample is read with a chance of so much.

        It is left for the next time if nobody answers, the disk fails, or it changes meanwhile.
        """
        with suppress(ConflictError, *ATTEMPT_FAULTS):
            book = await self._database.read(partial(_load, file_id))
            if book is not None:
                await self._visit(book, chance)

    async def _visit(self, book: FileBook, chance: float) -> None:
        result = await self._checker.check(book, chance)
        now = self._runtime.wall()

        def note(tx: Transaction) -> None:
            books.save(tx, book)
            if result.renewed:
                files.renewed(tx, book.file.id, now)

        await self._database.write(note)
        await self._repair(book)
        reason = self._reason(book)

        def finish(tx: Transaction) -> None:
            books.save(tx, book)
            file = books.current(tx, book)
            if file is None:
                return
            if result.answered:
                files.looked_after(tx, file.id, now)
            if file.reason != reason:
                files.set_reason(tx, file.id, reason)
                data = event_data(replace(file, reason=reason))
                events.append(tx, "file.changed", self._runtime.wall(), data)

        await self._database.write(finish)

    async def _repair(self, book: FileBook) -> None:
        found = find_repairs(book.parts, book.known.live(self._runtime.wall()))
        for segment in (*found.due, *found.beyond):
            await trio.sleep(segment_pause(self._runtime.entropy))
            with suppress(*RELAY_FAULTS):
                await self._repairer.repair(book, segment)

    def _reason(self, book: FileBook) -> str:
        """Return why a file cannot be read, empty if it can."""
        beyond = find_repairs(book.parts, book.known.live(self._runtime.wall())).beyond
        gone = [segment for segment in beyond if segment >= 0]
        if not gone:
            return ""
        if book.file.is_here:
            return NO_ROOM
        return SILENT if all(_may_come_back(book, gone)) else LOST_FILE


def _may_come_back(book: FileBook, segments: Iterable[int]) -> Iterable[bool]:
    """Tell of each segment whether it could be read if silent holders came back."""
    there = {one.number for one in book.known.known if one.verdict not in LOST}
    for segment in segments:
        yield sum(one.segment == segment for one in there) >= needed(segment)


def _load(file_id: bytes, tx: Transaction) -> FileBook | None:
    return books.load(tx, file_id)

"""The new places of shards of one segment in the rows of their file, and what is left over by that.

Spec: docs/spec/mesh.md section 11. Plain synchronous code. What a holder may still have of a file
is forgotten only with its lease: who deletes the file deletes that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zentalk.ids import DAY_SECONDS, ShardId
from zentalk.mesh.audit import ShardVerdict
from zentalk.mesh.placement import HEAD, ShardNumber
from zentalk.mesh.repair import Task
from zentalk.node.files.care.books import VERDICTS, FileBook, places
from zentalk.node.files.maps import ids_of
from zentalk.store.history import file_care, files
from zentalk.store.history.file_care import Leftover
from zentalk.store.history.files import FilePart, StoredFile
from zentalk.store.sqlite import Transaction

LEASE_SECONDS: Final = 31 * DAY_SECONDS
"""After so long without a renewal no holder keeps anything."""


class Move:
    """Shards that were put, as `book` knows already; its rows do not."""

    def __init__(self, book: FileBook, segment: int, put: Sequence[Task], now: float) -> None:
        self._book = book
        self._segment = segment
        self._part = self._new = book.parts[segment]
        self._put = put
        self._until = now + LEASE_SECONDS
        self._old = [(holder, one) for one, holder, _ in places(book.file, segment, self._part)]
        moved = {task.number for task in put}
        self._gone = [
            (holder, number)
            for holder, number in self._old
            if number in moved
            and Task(holder, number) not in put
            and (segment != HEAD or book.known.is_lost(holder, number, now))
        ]
        self._verdicts = {
            (one.holder, one.number): one.verdict
            for one in book.known.known
            if one.number.segment == segment
        }

    def in_vain(self) -> list[Leftover]:
        """Return what was put, as shards that nobody wants."""
        return [Leftover(holder, self._id(number), self._until) for holder, number in self._put]

    def write(self, tx: Transaction, file: StoredFile) -> None:
        """Write down where shards lie; `file` is how it is now. Raises UnavailableError."""
        holders = [task.holder for task in self._put]
        numbers = file_care.numbers_of(tx, file, holders)
        self._new = self._moved(dict(zip(self._put, numbers, strict=True)))
        files.put_part(tx, file.id, self._new)
        file_care.leave(tx, file.id, self._left())
        back = [(holder, self._id(number)) for holder, number in self._put]
        file_care.not_left(tx, file.id, back)

    def apply(self, file: StoredFile) -> None:
        """Let the book know, once it is written down."""
        for holder, number in self._gone:
            self._book.known.forget(holder, number)
        self._book.parts[self._segment] = self._new
        self._book.file = file

    def _id(self, number: ShardNumber) -> ShardId:
        return ids_of(self._part)[number.piece]

    def _left(self) -> list[Leftover]:
        """Return what holders may have still: other bytes are deleted, what is right may stay."""
        corrupt = ShardVerdict.CORRUPT
        return [
            Leftover(holder, self._id(number), self._until, verdict is corrupt)
            for holder, number in self._gone
            if (verdict := self._verdicts[holder, number]) is not ShardVerdict.MISSING
        ]

    def _moved(self, given: dict[Task, int]) -> FilePart:
        """Return the part with its new places, and with what is known of each."""
        lying: list[tuple[Task, int]] = []
        new = {task.number: (task, place) for task, place in given.items()}
        for (holder, number), place in zip(self._old, self._part.places, strict=True):
            if (holder, number) not in self._gone:
                lying.append((Task(holder, number), place))
            elif number.segment != HEAD:
                lying.append(new[number])
        held = {task for task, _ in lying}
        lying += [(task, place) for task, place in given.items() if task not in held]
        return self._part._replace(
            places=bytes(place for _, place in lying),
            verdicts=bytes(VERDICTS.index(self._verdicts[task]) for task, _ in lying),
        )

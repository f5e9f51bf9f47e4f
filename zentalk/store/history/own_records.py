"""Rows of our own user records: the sealed bytes of each day, and when they are offered next."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from zentalk.ids import Day
from zentalk.store.sqlite import Transaction

_COLUMNS = "day, sequence, raw, state, due_at, change_at"


class RecordState(IntEnum):
    """How far a day's record has come."""

    SEALED = 0
    """Nobody has seen it."""
    OFFERED = 1
    """A holder may have it: what is sealed from here on needs a higher sequence."""
    HELD = 2
    """Holders have it."""


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """The record of a day: sealed bytes without work (None: made before they were kept).

    Times are unix seconds: `due_at` says when it is offered or looked for next, and
    `change_at` when what has changed since is shown (None: nothing has).
    """

    day: Day
    sequence: int
    raw: bytes | None = field(repr=False)
    state: RecordState
    due_at: float
    change_at: float | None = None

    @property
    def next_at(self) -> float:
        """When there is next something to do."""
        return self.due_at if self.change_at is None else min(self.due_at, self.change_at)


def every(tx: Transaction) -> list[OwnRecord]:
    """Return the records of all days, the oldest first."""
    return [_row(*row) for row in tx.execute(f"SELECT {_COLUMNS} FROM published ORDER BY day")]


def put(tx: Transaction, row: OwnRecord) -> None:
    """Add or replace the record of a day."""
    tx.execute(
        f"INSERT OR REPLACE INTO published ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (row.day, row.sequence, row.raw, int(row.state), row.due_at, row.change_at),
    )


def get(tx: Transaction, day: Day) -> OwnRecord | None:
    """Return the record of a day."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM published WHERE day = ?", (day,)).fetchone()
    return None if row is None else _row(*row)


def keep_only(tx: Transaction, first: Day, last: Day) -> None:
    """Drop the records of earlier days, and of later ones, which a wrong clock has made."""
    tx.execute("DELETE FROM published WHERE day NOT BETWEEN ? AND ?", (first, last))


def _row(
    day: int, sequence: int, raw: bytes | None, state: int, due_at: float, change_at: float | None
) -> OwnRecord:
    return OwnRecord(Day(day), sequence, raw, RecordState(state), due_at, change_at)

"""Rows of what was read in groups, and when its authors are told: some time later, once for all."""

from __future__ import annotations

from zentalk.ids import GroupId
from zentalk.store.sqlite import Transaction


def note(tx: Transaction, group: GroupId, seq: int, at: float) -> None:
    """Note that lines up to a number were read, to be told by a unix time, or sooner if it was."""
    tx.execute(
        "UPDATE groups SET tell_seq = max(tell_seq, ?1), tell_at = min(coalesce(tell_at, ?2), ?2)"
        " WHERE id = ?3",
        (seq, at, group),
    )


def take_due(tx: Transaction, now: float) -> list[tuple[GroupId, int]]:
    """Return what is to be told by now (unix time), group and number, and forget that it is."""
    rows = tx.execute("SELECT id, tell_seq FROM groups WHERE tell_at <= ? ORDER BY id", (now,))
    due = [(GroupId(group), int(seq)) for group, seq in rows.fetchall()]
    tx.execute("UPDATE groups SET tell_at = NULL WHERE tell_at <= ?", (now,))
    return due


def next_due(tx: Transaction) -> float | None:
    """Return when something is to be told next (unix time)."""
    row = tx.execute("SELECT min(tell_at) FROM groups").fetchone()
    return None if row[0] is None else float(row[0])

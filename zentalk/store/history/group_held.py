"""Rows of what came in a group before the entries of its log that explain it.

They are saved, not shown and not confirmed; bounded, as their authors may be no members at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.store.sqlite import Transaction


class UnexplainedContent(NamedTuple):
    """A content that waits for entries of its group's log."""

    place: int
    author: UserAddress
    message_id: MessageId
    content: bytes
    was_under_way: bool
    """Whether it came under a send id that we have withdrawn."""

    def __repr__(self) -> str:
        return f"<unexplained content {self.place}>"


_COLUMNS: Final = "place, author, message_id, content, was_under_way"


def add(
    tx: Transaction,
    group: GroupId,
    author: UserAddress,
    message_id: MessageId,
    content: bytes,
    now: float,
    *,
    was_under_way: bool,
) -> None:
    """Keep a content; the same one again changes nothing."""
    tx.execute(
        "INSERT INTO group_held (grp, author, message_id, content, at, was_under_way)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (group, author, message_id, content, now, was_under_way),
    )


def every(tx: Transaction, group: GroupId) -> list[UnexplainedContent]:
    """Return what waits in a group, in the order in which it came."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM group_held WHERE grp = ? ORDER BY place", (group,))
    return [_row(row) for row in rows]


def last_place(tx: Transaction, group: GroupId) -> int:
    """Return the place of what came last in a group; 0 if nothing waits."""
    row = tx.execute("SELECT max(place) FROM group_held WHERE grp = ?", (group,)).fetchone()
    return int(row[0] or 0)


def take_first(tx: Transaction, group: GroupId, up_to: int) -> UnexplainedContent | None:
    """Take out what came first in a group, up to a place."""
    row = tx.execute(
        "DELETE FROM group_held WHERE place = (SELECT min(place) FROM group_held"
        f" WHERE grp = ? AND place <= ?) RETURNING {_COLUMNS}",
        (group, up_to),
    ).fetchone()
    return None if row is None else _row(row)


def count(tx: Transaction, group: GroupId, author: UserAddress | None = None) -> int:
    """Return how much waits in a group, of one author or of all."""
    row = tx.execute(
        "SELECT count(*) FROM group_held WHERE grp = ?1 AND (?2 IS NULL OR author = ?2)",
        (group, author),
    ).fetchone()
    return int(row[0])


def count_unknown(tx: Transaction, author: UserAddress) -> int:
    """Return how much of one author waits in groups that are not here."""
    row = tx.execute(
        "SELECT count(*) FROM group_held WHERE author = ? AND grp NOT IN (SELECT id FROM groups)",
        (author,),
    ).fetchone()
    return int(row[0])


def take_before(tx: Transaction, before: float) -> dict[UserAddress, list[MessageId]]:
    """Take out what has waited since before a unix time; return its ids, by their authors."""
    taken: dict[UserAddress, list[MessageId]] = {}
    rows = tx.execute(
        "DELETE FROM group_held WHERE at < ? RETURNING author, message_id", (before,)
    ).fetchall()
    for author, message_id in rows:
        taken.setdefault(UserAddress(author), []).append(MessageId(message_id))
    return taken


def _row(row: Sequence[Any]) -> UnexplainedContent:
    return UnexplainedContent(*row)._replace(was_under_way=bool(row[-1]))

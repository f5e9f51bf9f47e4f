"""Rows of groups: where we stand in each, and the entries of its log.

Queries only: what the log says is decided by `zentalk.groups`, and written here as it was folded,
so that lists and look-ups need no fold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from zentalk.ids import GroupId, UserAddress
from zentalk.store.sqlite import Transaction

_COLUMNS = (
    "id, stands, invited_by, made_at, view, confirmed,"
    " (SELECT count(*) FROM group_members WHERE grp = groups.id AND is_in AND told)"
)


class GroupStanding(StrEnum):
    """The owner's place in a group; the database stores the values and REST shows them."""

    INCOMPLETE = "incomplete"
    """Its log is on the way, and has not named the owner yet. Never shown."""
    INVITED = "invited"
    """A contact has invited the owner, who has not answered."""
    JOINED = "joined"
    LEFT = "left"
    """The owner has gone, or did not want to join; another invitation is shown again."""
    REMOVED = "removed"
    """An admin has removed the owner."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as the node works with it; `view` is what the fold of its log gave."""

    id: GroupId = field(repr=False)
    stands: GroupStanding
    invited_by: UserAddress | None = field(repr=False)
    made_at: float
    view: dict[str, Any] = field(repr=False)
    is_confirmed: bool = True
    """Whether enough others have named the entries of its log that are here."""
    confirmed_by: int = 0
    """How many others who are in have."""

    @property
    def is_joined(self) -> bool:
        """Whether the owner is a member now."""
        return self.stands is GroupStanding.JOINED


def get(tx: Transaction, group: GroupId) -> GroupRow | None:
    """Return one group."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM groups WHERE id = ?", (group,)).fetchone()
    return None if row is None else _row(row)


def every(tx: Transaction) -> list[GroupRow]:
    """Return all groups, oldest first."""
    return [_row(row) for row in tx.execute(f"SELECT {_COLUMNS} FROM groups ORDER BY made_at, id")]


def people(tx: Transaction, group: GroupId) -> int:
    """Return how many people are in a group or invited to it; 0 if there is no such group."""
    row = tx.execute(
        "SELECT json_array_length(view, '$.members') FROM groups WHERE id = ?", (group,)
    ).fetchone()
    return 0 if row is None else int(row[0] or 0)


def joined_with_more(tx: Transaction, people: int) -> set[GroupId]:
    """Return the groups that the owner is in, and more people than these are in or invited to."""
    rows = tx.execute(
        "SELECT id FROM groups WHERE stands = 'joined'"
        " AND json_array_length(view, '$.members') > ?",
        (people,),
    )
    return {GroupId(row[0]) for row in rows}


def exists(tx: Transaction, conversation: bytes) -> bool:
    """Tell whether a conversation is a group's."""
    row = tx.execute("SELECT 1 FROM groups WHERE id = ?", (conversation,)).fetchone()
    return row is not None


def add(
    tx: Transaction,
    group: GroupId,
    stands: GroupStanding,
    invited_by: UserAddress | None,
    now: float,
) -> None:
    """Add a group, without entries."""
    tx.execute(
        "INSERT INTO groups (id, stands, invited_by, made_at, confirmed) VALUES (?, ?, ?, ?, ?)",
        (group, stands, invited_by, now, stands is GroupStanding.JOINED),
    )


def set_standing(tx: Transaction, group: GroupId, stands: GroupStanding) -> None:
    """Say what the owner is to a group now."""
    tx.execute("UPDATE groups SET stands = ? WHERE id = ?", (stands, group))


def set_confirmed(tx: Transaction, group: GroupId, *, on: bool) -> None:
    """Say whether enough others have named the entries that are here."""
    tx.execute("UPDATE groups SET confirmed = ? WHERE id = ?", (on, group))


def set_view(tx: Transaction, group: GroupId, view: dict[str, Any]) -> None:
    """Keep what the fold gave."""
    tx.execute("UPDATE groups SET view = ? WHERE id = ?", (json.dumps(view), group))


def picture(tx: Transaction, group: GroupId) -> bytes:
    """Return the picture of a group that is here; empty if there is none."""
    row = tx.execute("SELECT picture FROM groups WHERE id = ?", (group,)).fetchone()
    return b"" if row is None else bytes(row[0])


def set_picture(tx: Transaction, group: GroupId, picture_bytes: bytes) -> None:
    """Keep the picture of a group."""
    tx.execute("UPDATE groups SET picture = ? WHERE id = ?", (picture_bytes, group))


def add_entry(
    tx: Transaction,
    group: GroupId,
    entry_id: bytes,
    raw: bytes,
    sender: UserAddress | None,
    now: float,
) -> bool:
    """Keep an entry of a log; False if it is here. `sender` is its author, if that has sent it."""
    added = tx.execute(
        "INSERT INTO group_entries (grp, id, raw, sender, came_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (group, entry_id, raw, sender, now),
    )
    return added.rowcount > 0


def sent_since(tx: Transaction, group: GroupId, author: UserAddress, since: float) -> int:
    """Return how many entries of its own somebody has sent us since a unix time."""
    row = tx.execute(
        "SELECT count(*) FROM group_entries WHERE grp = ? AND sender = ? AND came_at > ?",
        (group, author, since),
    ).fetchone()
    return int(row[0])


def entries(tx: Transaction, group: GroupId) -> list[bytes]:
    """Return the entries of a log in the order in which they came: ancestors first."""
    rows = tx.execute("SELECT raw FROM group_entries WHERE grp = ? ORDER BY place", (group,))
    return [bytes(row[0]) for row in rows]


def last_entry(tx: Transaction, group: GroupId) -> tuple[int, bytes]:
    """Return how many entries a log has, and the id of the one that came last."""
    row = tx.execute(
        "SELECT (SELECT count(*) FROM group_entries WHERE grp = ?1),"
        " (SELECT id FROM group_entries WHERE grp = ?1 ORDER BY place DESC LIMIT 1)",
        (group,),
    ).fetchone()
    return int(row[0]), bytes(row[1] or b"")


def announce(tx: Transaction, group: GroupId, entry_id: bytes, at: float) -> None:
    """Note that others are to be told of an entry, with whatever else there is by a unix time."""
    tx.execute("UPDATE group_entries SET announce = 1 WHERE grp = ? AND id = ?", (group, entry_id))
    tx.execute(
        "UPDATE groups SET announce_at = min(coalesce(announce_at, ?1), ?1) WHERE id = ?2",
        (at, group),
    )


def take_announced(tx: Transaction, group: GroupId) -> list[bytes]:
    """Return the entries that others are to be told of, and forget that they are."""
    rows = tx.execute(
        "UPDATE group_entries SET announce = 0 WHERE grp = ? AND announce RETURNING place, raw",
        (group,),
    ).fetchall()
    tx.execute("UPDATE groups SET announce_at = NULL WHERE id = ?", (group,))
    return [bytes(raw) for _, raw in sorted(rows)]


def due_announcements(tx: Transaction, now: float) -> list[GroupId]:
    """Return the groups whose others are to be told of entries by now (unix time)."""
    rows = tx.execute("SELECT id FROM groups WHERE announce_at <= ? ORDER BY id", (now,))
    return [GroupId(row[0]) for row in rows]


def next_announcement(tx: Transaction) -> float | None:
    """Return when the next entries are to be told (unix time)."""
    row = tx.execute("SELECT min(announce_at) FROM groups").fetchone()
    return None if row[0] is None else float(row[0])


def _row(row: tuple[Any, ...]) -> GroupRow:
    group, stands, invited_by, made_at, view, is_confirmed, confirmed_by = row
    return GroupRow(
        GroupId(group),
        GroupStanding(stands),
        None if invited_by is None else UserAddress(invited_by),
        made_at,
        json.loads(view),
        bool(is_confirmed),
        confirmed_by,
    )

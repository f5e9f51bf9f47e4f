"""Rows of people in groups: who is in, and the card by which each can be written to.

Queries only; who is in follows from the log, whose fold `put` writes down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from zentalk.ids import GroupId, UserAddress
from zentalk.store.sqlite import Transaction


@dataclass(frozen=True, slots=True)
class GroupMemberRow:
    """Somebody named in a group's log; `is_in` once it has accepted and while it stays."""

    member: UserAddress = field(repr=False)
    is_in: bool
    added_by: UserAddress | None = field(repr=False)
    card: bytes | None = field(repr=False)
    card_version: int
    asked_at: float | None


_COLUMNS = "member, is_in, added_by, card, card_version, asked_at"


def put(
    tx: Transaction,
    group: GroupId,
    members: Iterable[tuple[UserAddress, bool, UserAddress | None]],
) -> None:
    """Write down who is in a group (address, whether it is in, who added it); others are out."""
    tx.execute("UPDATE group_members SET is_in = 0 WHERE grp = ?", (group,))
    tx.executemany(
        "INSERT INTO group_members (grp, member, is_in, added_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (grp, member) DO UPDATE SET is_in = excluded.is_in,"
        " added_by = excluded.added_by",
        [(group, member, is_in, added_by) for member, is_in, added_by in members],
    )


def get(tx: Transaction, group: GroupId, member: UserAddress) -> GroupMemberRow | None:
    """Return one person of a group."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM group_members WHERE grp = ? AND member = ?", (group, member)
    ).fetchone()
    return None if row is None else GroupMemberRow(*row)


def inside(tx: Transaction, group: GroupId) -> list[UserAddress]:
    """Return who is in a group, the owner among them, by address."""
    rows = tx.execute(
        "SELECT member FROM group_members WHERE grp = ? AND is_in ORDER BY member", (group,)
    )
    return [UserAddress(row[0]) for row in rows]


def groups_of(tx: Transaction, member: UserAddress) -> list[GroupId]:
    """Return the groups that somebody is in and so are we."""
    rows = tx.execute(
        "SELECT grp FROM group_members JOIN groups ON groups.id = grp"
        " WHERE member = ? AND is_in AND stands = 'joined' ORDER BY grp",
        (member,),
    )
    return [GroupId(row[0]) for row in rows]


def is_known(tx: Transaction, person: UserAddress) -> bool:
    """Tell whether somebody is or was in a group that the owner is or was in, too."""
    row = tx.execute(
        "SELECT 1 FROM group_members JOIN groups ON groups.id = grp"
        " WHERE member = ? AND stands IN ('joined', 'left', 'removed') LIMIT 1",
        (person,),
    ).fetchone()
    return row is not None


def with_ratchets(tx: Transaction, group: GroupId) -> list[UserAddress]:
    """Return who of a group has a ratchet with us, whoever used one last first."""
    rows = tx.execute(
        "SELECT member, max(created_at) FROM group_members JOIN ratchets ON contact = member"
        " WHERE grp = ? GROUP BY member ORDER BY 2 DESC, member",
        (group,),
    )
    return [UserAddress(row[0]) for row in rows]


def put_card(
    tx: Transaction, group: GroupId, member: UserAddress, card: bytes, version: int
) -> bool:
    """Keep somebody's card if it is newer than what is here."""
    changed = tx.execute(
        "UPDATE group_members SET card = ?, card_version = ?, asked_at = NULL"
        " WHERE grp = ? AND member = ? AND card_version < ?",
        (card, version, group, member, version),
    )
    return changed.rowcount > 0


def cards(
    tx: Transaction, group: GroupId, wanted: Iterable[UserAddress]
) -> list[tuple[UserAddress, bytes]]:
    """Return the cards that are here of those who are wanted."""
    rows = (get(tx, group, member) for member in wanted)
    return [(row.member, row.card) for row in rows if row is not None and row.card is not None]


def set_told(tx: Transaction, group: GroupId, member: UserAddress) -> bool:
    """Note that a member has named entries that are here; False if that was known."""
    changed = tx.execute(
        "UPDATE group_members SET told = 1 WHERE grp = ? AND member = ? AND told = 0",
        (group, member),
    )
    return changed.rowcount > 0


def forget_told(tx: Transaction, group: GroupId) -> None:
    """Forget who has named entries that are here: the owner joins anew."""
    tx.execute("UPDATE group_members SET told = 0 WHERE grp = ?", (group,))


def asked(tx: Transaction, group: GroupId, members: Iterable[UserAddress], now: float) -> None:
    """Note that somebody was asked for these people's cards at a unix time."""
    tx.executemany(
        "UPDATE group_members SET asked_at = ? WHERE grp = ? AND member = ?",
        [(now, group, member) for member in members],
    )

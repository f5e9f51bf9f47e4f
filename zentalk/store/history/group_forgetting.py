"""Deletes all that was kept of a group that its owner is not in.

Queries only; when a group may be forgotten, and what the event log then says, is decided by
`zentalk.node.messages.conversation.forgetting`.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import GroupId, UserAddress
from zentalk.store.history import forgetting
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content
from zentalk.wire.group_bodies import GROUP_ENTRIES, GROUP_KINDS

_TABLES: Final = {
    "group_deliveries": "grp",
    "group_entries": "grp",
    "group_held": "grp",
    "group_members": "grp",
    "group_prekeys": "grp",
    "group_sends": "grp",
    "groups": "id",
    "idempotency": "message_id",
    "invites": "grp",
    "pending": "contact",
}
"""Where rows of a group are, beside those of its conversation, and which column names it.

What waits for members (`group_pending`) goes with the sends.
"""
_UNANSWERED: Final = (
    "(stands IN ('incomplete', 'invited') OR (stands = 'removed' AND NOT EXISTS"
    " (SELECT 1 FROM messages WHERE contact = groups.id)))"
)
"""Groups that others have put here: also those whose invitation was withdrawn before an answer."""


def unanswered(tx: Transaction, inviter: UserAddress) -> list[GroupId]:
    """Return the groups to which somebody has invited the owner, without an answer, oldest first.

    With them are those from which the owner was removed before anything was said there.
    """
    rows = tx.execute(
        f"SELECT id FROM groups WHERE invited_by = ? AND {_UNANSWERED} ORDER BY made_at, id",
        (inviter,),
    )
    return [GroupId(row[0]) for row in rows]


def count_unanswered(tx: Transaction) -> int:
    """Return how many such groups there are of all inviters."""
    return int(tx.execute(f"SELECT count(*) FROM groups WHERE {_UNANSWERED}").fetchone()[0])


def outgoing(tx: Transaction, group: GroupId) -> dict[int, UserAddress]:
    """Delete what is on its way to members, but for entries; return the items and for whom."""
    rows = tx.execute(
        "SELECT item, contact, content, message_id IN"
        " (SELECT id FROM messages WHERE contact = ?1 AND direction = 'out') AS is_line"
        " FROM outbox WHERE contact IN (SELECT member FROM group_members WHERE grp = ?1"
        " UNION SELECT author FROM group_held WHERE grp = ?1"
        " UNION SELECT invited_by FROM groups WHERE id = ?1)"
        " AND (is_line OR instr(content, ?1))",
        (group,),
    ).fetchall()
    gone = {
        int(item): UserAddress(contact)
        for item, contact, content, is_line in rows
        if is_line or decode_content(content).kind in GROUP_KINDS - {GROUP_ENTRIES}
    }
    tx.executemany("DELETE FROM outbox WHERE item = ?", [(item,) for item in gone])
    return gone


def rows(tx: Transaction, group: GroupId) -> None:
    """Delete the rows of a group; its conversation must be gone already."""
    for table, column in _TABLES.items():
        tx.execute(f"DELETE FROM {table} WHERE {column} = ?", (group,))
    forgetting.person(tx, UserAddress(group))


def people(tx: Transaction) -> None:
    """Delete who was in groups only, and is in none that is here, with their keys.

    Not while something is on its way to them, or of them waits here.
    """
    found = tx.execute(
        "SELECT address FROM contacts WHERE state = 'member'"
        " AND address NOT IN (SELECT member FROM group_members)"
        " AND address NOT IN (SELECT contact FROM outbox)"
        " AND address NOT IN (SELECT author FROM group_held)"
    ).fetchall()
    for (address,) in found:
        forgetting.person(tx, UserAddress(address))

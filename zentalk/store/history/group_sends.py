"""Rows of what is to go to each member of a group, and of how far it has come with each.

A send is one content; who has not been written to yet is *pending*, and moves to the outbox in
small steps, so that whoever wrote it has its answer before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction


class PendingSend(NamedTuple):
    """One content for one member."""

    send: int
    group: GroupId
    member: UserAddress
    content: bytes

    def __repr__(self) -> str:
        return f"<pending send {self.send}>"


class GroupDelivery(NamedTuple):
    """How far a message of ours has come with one member."""

    member: UserAddress
    state: MessageState
    reason: str
    at: float

    def __repr__(self) -> str:
        return f"<group delivery {self.state}>"


_EARLIER = {
    MessageState.QUEUED: ("queued",),
    MessageState.SENT: ("queued",),
    MessageState.DELIVERED: ("queued", "sent", "failed"),
    MessageState.READ: ("queued", "sent", "failed", "delivered"),
    MessageState.FAILED: ("queued", "sent"),
}


def add(
    tx: Transaction,
    group: GroupId,
    message_id: MessageId,
    content: bytes,
    members: Iterable[UserAddress],
    now: float,
    *,
    is_line: bool,
) -> None:
    """Add a content for members; of a line of the conversation it is kept how far it has come."""
    receivers = list(members)
    row = tx.execute(
        "INSERT INTO group_sends (grp, message_id, content, made_at) VALUES (?, ?, ?, ?)"
        " RETURNING send",
        (group, message_id, content, now),
    ).fetchone()
    tx.executemany(
        "INSERT INTO group_pending (send, member) VALUES (?, ?)",
        [(row[0], member) for member in receivers],
    )
    if is_line:
        tx.executemany(
            "INSERT INTO group_deliveries (grp, message_id, member, state, at)"
            " VALUES (?, ?, ?, 'queued', ?)",
            [(group, message_id, member, now) for member in receivers],
        )


def ready(tx: Transaction, limit: int) -> list[PendingSend]:
    """Return the oldest sends that wait for nothing but their turn, at most `limit`."""
    rows = tx.execute(
        "SELECT p.send, s.grp, p.member, s.content FROM group_pending p"
        " JOIN group_sends s ON s.send = p.send WHERE p.waits = 0"
        " ORDER BY p.send, p.member LIMIT ?",
        (limit,),
    )
    return [PendingSend(*row) for row in rows]


def of_group(tx: Transaction, group: GroupId) -> list[PendingSend]:
    """Return all that members of a group are still to be written, in its order."""
    rows = tx.execute(
        "SELECT p.send, s.grp, p.member, s.content FROM group_pending p"
        " JOIN group_sends s ON s.send = p.send WHERE s.grp = ? ORDER BY p.send, p.member",
        (group,),
    )
    return [PendingSend(*row) for row in rows]


def done(tx: Transaction, send: int, member: UserAddress) -> None:
    """Note that a content is in the outbox for a member."""
    tx.execute("DELETE FROM group_pending WHERE send = ? AND member = ?", (send, member))
    tx.execute(
        "DELETE FROM group_sends WHERE send = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM group_pending WHERE send = ?1)",
        (send,),
    )


def wait_for_card(tx: Transaction, group: GroupId, member: UserAddress) -> None:
    """Let what is for a member wait until its card is here."""
    tx.execute(
        "UPDATE group_pending SET waits = 1 WHERE member = ?"
        " AND send IN (SELECT send FROM group_sends WHERE grp = ?)",
        (member, group),
    )


def go_on(tx: Transaction, member: UserAddress) -> bool:
    """Let what waited for a member's card go; tell whether anything did."""
    changed = tx.execute("UPDATE group_pending SET waits = 0 WHERE member = ? AND waits", (member,))
    return changed.rowcount > 0


def waiting_for_cards(tx: Transaction, group: GroupId) -> list[UserAddress]:
    """Return the members of a group whose cards are waited for."""
    rows = tx.execute(
        "SELECT DISTINCT member FROM group_pending JOIN group_sends USING (send)"
        " WHERE grp = ? AND waits ORDER BY member",
        (group,),
    )
    return [UserAddress(row[0]) for row in rows]


def groups_waiting(tx: Transaction) -> list[GroupId]:
    """Return the groups in which something waits for a card."""
    rows = tx.execute(
        "SELECT DISTINCT grp FROM group_pending JOIN group_sends USING (send) WHERE waits"
        " ORDER BY grp"
    )
    return [GroupId(row[0]) for row in rows]


def drop_for(tx: Transaction, group: GroupId, member: UserAddress) -> list[MessageId]:
    """Give up what is for somebody who has left; return the messages that were on the way."""
    tx.execute(
        "DELETE FROM group_pending WHERE member = ?"
        " AND send IN (SELECT send FROM group_sends WHERE grp = ?)",
        (member, group),
    )
    tx.execute(
        "DELETE FROM group_sends WHERE grp = ? AND NOT EXISTS"
        " (SELECT 1 FROM group_pending WHERE group_pending.send = group_sends.send)",
        (group,),
    )
    rows = tx.execute(
        "DELETE FROM group_deliveries WHERE grp = ? AND member = ?"
        " AND state IN ('queued', 'sent') RETURNING message_id",
        (group, member),
    ).fetchall()
    return [MessageId(row[0]) for row in rows]


def drop_message(tx: Transaction, group: GroupId, message_id: MessageId) -> None:
    """Write to nobody more what was not written yet: its author has taken it back."""
    tx.execute("DELETE FROM group_sends WHERE grp = ? AND message_id = ?", (group, message_id))


def group_of(tx: Transaction, message_id: MessageId, member: UserAddress) -> GroupId | None:
    """Return in which group a message of ours is on its way to a member; None if in none."""
    row = tx.execute(
        "SELECT grp FROM group_deliveries WHERE message_id = ? AND member = ?",
        (message_id, member),
    ).fetchone()
    return None if row is None else GroupId(row[0])


def set_state(
    tx: Transaction,
    message_id: MessageId,
    member: UserAddress,
    state: MessageState,
    now: float,
    reason: str = "",
) -> bool:
    """Move a message forward with one member; False if it is there or past it."""
    earlier = _EARLIER[state]
    changed = tx.execute(
        "UPDATE group_deliveries SET state = ?, reason = ?, at = ? WHERE message_id = ?"
        f" AND member = ? AND state IN ({','.join('?' * len(earlier))})"
        " AND (state <> ? OR reason <> ?)",
        (state, reason, now, message_id, member, *earlier, state, reason),
    )
    return changed.rowcount > 0


def deliveries(tx: Transaction, group: GroupId, message_id: MessageId) -> list[GroupDelivery]:
    """Return how far a message of ours has come with each member of a group."""
    rows = tx.execute(
        "SELECT member, state, reason, at FROM group_deliveries WHERE grp = ? AND message_id = ?"
        " ORDER BY member",
        (group, message_id),
    )
    return [GroupDelivery(row[0], MessageState(row[1]), row[2], row[3]) for row in rows]


def states(tx: Transaction, message_id: MessageId) -> set[MessageState]:
    """Return the states that a message of ours has with its receivers."""
    rows = tx.execute(
        "SELECT DISTINCT state FROM group_deliveries WHERE message_id = ?", (message_id,)
    )
    return {MessageState(row[0]) for row in rows}


def seen_by(
    tx: Transaction, group: GroupId, member: UserAddress, message_id: MessageId
) -> list[MessageId]:
    """Note up to where a member has looked, and return what it has newly read by that.

    That is the message of ours that it named, and what was delivered to it since where it had
    looked before. What nobody has confirmed may be lost, and is not among them.
    """
    named = tx.execute(
        "SELECT seq FROM messages WHERE id = ? AND contact = ? AND direction = 'out'",
        (message_id, group),
    ).fetchone()
    known = tx.execute(
        "SELECT seen_seq FROM group_members WHERE grp = ? AND member = ?", (group, member)
    ).fetchone()
    if named is None or known is None:
        return []
    (seq,), (seen,) = named, known
    rows = tx.execute(
        "SELECT m.id FROM messages m CROSS JOIN group_deliveries d ON d.message_id = m.id"
        " AND d.member = ? WHERE m.contact = ? AND m.hidden = 0 AND m.seq > ? AND m.seq <= ?"
        " AND m.direction = 'out' AND (d.state = 'delivered' OR m.id = ? AND d.state <> 'read')",
        (member, group, min(seen, seq - 1), seq, message_id),
    ).fetchall()
    if seq > seen:
        tx.execute(
            "UPDATE group_members SET seen_seq = ? WHERE grp = ? AND member = ?",
            (seq, group, member),
        )
    return [MessageId(row[0]) for row in rows]


def is_seen(tx: Transaction, message_id: MessageId, member: UserAddress) -> bool:
    """Tell whether a message of ours stands where a member of its group has looked already."""
    row = tx.execute(
        "SELECT 1 FROM messages m JOIN group_members g ON g.grp = m.contact AND g.member = ?"
        " AND m.seq <= g.seen_seq WHERE m.id = ? AND m.direction = 'out'",
        (member, message_id),
    ).fetchone()
    return row is not None

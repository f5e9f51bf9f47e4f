"""Rows of received contents whose kind was not known when they came: queries only."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget


class KeptContent(NamedTuple):
    """One content that was kept whole, and whether its line is shown."""

    seq: int
    contact: UserAddress
    target: MessageTarget
    content: bytes
    is_hidden: bool

    def __repr__(self) -> str:
        return f"<kept content of {len(self.content)} bytes>"


def of_kinds(tx: Transaction, kinds: Collection[str]) -> list[int]:
    """Return the numbers of received contents of these kinds, in their order."""
    return _numbers(tx, "kind IN", kinds)


def not_shown(tx: Transaction, known: Collection[str]) -> list[int]:
    """Return the numbers of received contents that are not shown and of none of these kinds."""
    return _numbers(tx, "hidden = 1 AND kind NOT IN", known)


def _numbers(tx: Transaction, condition: str, kinds: Collection[str]) -> list[int]:
    places = ",".join("?" * len(kinds))
    rows = tx.execute(
        f"SELECT seq FROM messages WHERE direction = 'in' AND {condition} ({places})"
        " AND content IS NOT NULL ORDER BY seq",
        tuple(kinds),
    )
    return [row[0] for row in rows.fetchall()]


def get(tx: Transaction, seq: int) -> KeptContent:
    """Return the content of a line that has one."""
    contact, author, message_id, content, hidden = tx.execute(
        "SELECT contact, author, id, content, hidden FROM messages WHERE seq = ?", (seq,)
    ).fetchone()
    target = MessageTarget(UserAddress(author), MessageId(message_id))
    return KeptContent(seq, UserAddress(contact), target, content, bool(hidden))


def show(tx: Transaction, seq: int, text: str, timer_seconds: int) -> None:
    """Let a line be shown, under this text."""
    tx.execute(
        "UPDATE messages SET text = ?, timer_seconds = ?, hidden = 0 WHERE seq = ?",
        (text, timer_seconds, seq),
    )


def remove(tx: Transaction, seq: int) -> None:
    """Delete a row that was never a line: what it said is done."""
    tx.execute("DELETE FROM messages WHERE seq = ?", (seq,))

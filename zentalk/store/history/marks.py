"""Rows of marks: of each place the one that won, and the lines that they change.

Which mark wins and what it does is decided in `zentalk.chat.marks`; here it is kept, and written
into the line's own row, so that pages and searches read one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from zentalk.chat.marks import ShownLine, Signed, WrittenLine, place_of, show, wins
from zentalk.ids import MessageId, UserAddress
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import (
    DELETE,
    Deletion,
    Edit,
    MessageTarget,
    Pin,
    Poll,
    Reaction,
    Vote,
    decode_body,
    encode_body,
)
from zentalk.wire.codec import pack, unpack
from zentalk.wire.content import MAX_CONTENT_BYTES, decode_content
from zentalk.wire.text import format_address

MAX_WITHOUT_LINE: Final = 4_096
"""Marks of one author, in one conversation, whose lines are not here; more are not kept."""


class ShownMarks(NamedTuple):
    """Reactions and votes of one line, as clients read them."""

    reactions: list[dict[str, Any]]
    votes: list[dict[str, Any]]


NONE_SHOWN: Final = ShownMarks([], [])


def put(tx: Transaction, contact: UserAddress, signed: Signed) -> bool:
    """Keep a mark if it wins its place; False if it changes nothing."""
    place = place_of(signed)
    key = (contact, *place.target, place.kind, place.author or b"")
    row = tx.execute(
        "SELECT author, body FROM marks WHERE contact = ? AND target_author = ?"
        " AND target_id = ? AND kind = ? AND place = ?",
        key,
    ).fetchone()
    if not wins(signed, None if row is None else _signed(place.kind, *row)):
        return False
    tx.execute(
        "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " author = excluded.author, body = excluded.body",
        (*key, signed.author, pack(encode_body(signed.mark))),
    )
    return True


def without_line(tx: Transaction, contact: UserAddress, author: UserAddress) -> int:
    """Return how many marks of an author wait for lines that are not here."""
    row = tx.execute(
        "SELECT count(*) FROM marks WHERE contact = ?1 AND author = ?2 AND NOT EXISTS ("
        " SELECT 1 FROM messages WHERE contact = ?1 AND author = target_author AND id = target_id)",
        (contact, author),
    ).fetchone()
    return int(row[0])


def every(tx: Transaction, contact: UserAddress, target: MessageTarget) -> list[Signed]:
    """Return the marks of one line."""
    rows = tx.execute(
        "SELECT kind, author, body FROM marks WHERE contact = ? AND target_author = ?"
        " AND target_id = ?",
        (contact, *target),
    )
    return [_signed(*row) for row in rows.fetchall()]


def write_into_line(
    tx: Transaction, contact: UserAddress, target: MessageTarget
) -> ShownLine | None:
    """Write what a line's marks say into its row; None if the line is not here.

    Of a deleted line the text goes, everywhere it was kept.
    """
    row = tx.execute(
        "SELECT text, content FROM messages WHERE contact = ? AND author = ? AND id = ?",
        (contact, *target),
    ).fetchone()
    if row is None:
        return None
    signed = every(tx, contact, target)
    shown = show(_line(target.author, *row), signed)
    tx.execute(
        "UPDATE messages SET text = ?, edited = ?, deleted = ?, pinned = ?, marked = ?,"
        " content = CASE WHEN ?3 THEN NULL ELSE content END,"
        " starred = CASE WHEN ?3 THEN 0 ELSE starred END"
        " WHERE contact = ? AND author = ? AND id = ?",
        (shown.text, shown.edited, shown.deleted, shown.pinned,
         bool(shown.reactions or shown.votes), contact, *target),
    )  # fmt: skip
    if shown.deleted:
        forget_all_but_deletion(tx, contact, target)
    return shown


def forget_all_but_deletion(tx: Transaction, contact: UserAddress, target: MessageTarget) -> None:
    """Drop the marks of a deleted line, texts of edits among them."""
    tx.execute(
        "DELETE FROM marks WHERE contact = ? AND target_author = ? AND target_id = ?"
        f" AND kind <> '{DELETE}'",
        (contact, *target),
    )


def forget(tx: Transaction, contact: UserAddress, target: MessageTarget) -> None:
    """Drop all marks of one line."""
    tx.execute(
        "DELETE FROM marks WHERE contact = ? AND target_author = ? AND target_id = ?",
        (contact, *target),
    )


def shown_at(
    tx: Transaction, keys: Sequence[tuple[UserAddress, UserAddress, MessageId]]
) -> dict[tuple[UserAddress, MessageId], ShownMarks]:
    """Return reactions and votes of lines, by author and id.

    The keys are (contact, author, id) of lines that are marked.
    """
    found: dict[tuple[UserAddress, MessageId], ShownMarks] = {}
    for contact, author, message_id in keys:
        target = MessageTarget(author, message_id)
        row = tx.execute(
            "SELECT text, content FROM messages WHERE contact = ? AND author = ? AND id = ?",
            (contact, *target),
        ).fetchone()
        shown = show(_line(author, *row), every(tx, contact, target))
        found[author, message_id] = ShownMarks(
            [{"author": format_address(who), "emoji": emoji} for who, emoji in shown.reactions],
            [{"author": format_address(who), "options": list(how)} for who, how in shown.votes],
        )
    return found


def _line(author: UserAddress, text: str, content: bytes | None) -> WrittenLine:
    body = None if content is None else decode_content(content).body
    if isinstance(body, Poll):
        return WrittenLine(author, text, len(body.options), body.multiple)
    return WrittenLine(author, text)


def _signed(kind: str, author: UserAddress, body: bytes) -> Signed:
    mark = decode_body(kind, unpack(body, max_bytes=MAX_CONTENT_BYTES))
    assert isinstance(mark, Edit | Deletion | Reaction | Pin | Vote)
    return Signed(author, mark)

"""Rows of the readable history, parts of long messages, and idempotency keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from zentalk.chat.views import body_view
from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import marks
from zentalk.store.history.models import Direction, MessageState, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.text import format_address

_EARLIER: Final[dict[MessageState, tuple[MessageState, ...]]] = {
    MessageState.QUEUED: (MessageState.QUEUED,),
    MessageState.SENT: (MessageState.QUEUED,),
    MessageState.DELIVERED: (MessageState.QUEUED, MessageState.SENT, MessageState.FAILED),
    MessageState.READ: (
        MessageState.QUEUED, MessageState.SENT, MessageState.FAILED, MessageState.DELIVERED
    ),
    MessageState.FAILED: (MessageState.QUEUED, MessageState.SENT),
}  # fmt: skip
COLUMNS: Final = (
    "id, seq, contact, direction, kind, text, state, reason, sent_at, missing,"
    " author, content, edited, deleted, pinned, starred, expires_at, shared_by,"
    " marked"
)


def view(tx: Transaction, row: tuple[Any, ...]) -> StoredMessage:
    """Return a row of `COLUMNS` as people see it."""
    return views(tx, [row])[0]


def views(tx: Transaction, rows: Sequence[tuple[Any, ...]]) -> list[StoredMessage]:
    """Return rows of `COLUMNS` as people see them; their marks are read in one query."""
    marked = [(row[2], row[10], row[0]) for row in rows if row[-1]]
    found = marks.shown_at(tx, marked) if marked else {}
    return [_message(row, found.get((row[10], row[0]), marks.NONE_SHOWN)) for row in rows]


def _message(row: tuple[Any, ...], marked: marks.ShownMarks) -> StoredMessage:
    message_id, seq, contact, direction, kind, text, state, reason, sent_at, missing = row[:10]
    author, content, edited, deleted, pinned, starred, expires_at, shared_by, _ = row[10:]
    body, reply_to, forwarded, mentions = None, None, False, list[str]()
    timer_seconds = 0
    if content is not None:
        decoded = decode_content(content)
        body, about = body_view(decoded.body), decoded.about
        forwarded, mentions = about.forwarded, [format_address(one) for one in about.mentions]
        timer_seconds = about.timer_seconds
        if about.reply_to is not None:
            reply_to = {
                "author": format_address(about.reply_to.author),
                "id": about.reply_to.message_id.hex(),
            }
    return StoredMessage(
        message_id.hex(),
        seq,
        format_address(contact),
        Direction(direction),
        kind,
        text,
        MessageState(state),
        reason,
        sent_at,
        missing,
        format_address(author) if author else "",
        body,
        reply_to,
        forwarded,
        mentions,
        bool(edited),
        bool(deleted),
        bool(pinned),
        bool(starred),
        expires_at,
        timer_seconds,
        marked.reactions,
        marked.votes,
        format_address(shared_by) if shared_by else "",
    )


def insert(
    tx: Transaction,
    *,
    message_id: MessageId,
    contact: UserAddress,
    direction: Direction,
    kind: str,
    text: str,
    state: MessageState,
    sender_sequence: int,
    sent_at: float,
    now: float,
    author: UserAddress | None = None,
    content: bytes | None = None,
    confirmed: bool = False,
    missing: int = 0,
    reason: str = "",
    hidden: bool = False,
    timer_seconds: int = 0,
    expires_at: float | None = None,
    seq: int | None = None,
    shared_by: UserAddress | None = None,
) -> StoredMessage | None:
    """Add a message; None if this author has given that id to one here already.

    `content` is the whole encoded content, where the text is not all of it. Of a message of ours
    without an `author`, `adopt` says later whose it is. Without a `seq` it is the newest.
    """
    if author is None:
        author = contact if direction is Direction.IN else UserAddress(b"")
    row = tx.execute(
        "INSERT INTO messages (id, contact, author, direction, kind, text, content, state,"
        " sender_sequence, sent_at, stored_at, confirmed, missing, reason, hidden, timer_seconds,"
        " expires_at, seq, shared_by) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        f" ON CONFLICT (contact, author, id) DO NOTHING RETURNING {COLUMNS}",
        (message_id, contact, author, direction, kind, text, content, state, sender_sequence,
         sent_at, now, confirmed, missing, reason, hidden, timer_seconds, expires_at, seq,
         shared_by),
    ).fetchone()  # fmt: skip
    return None if row is None else view(tx, row)


def adopt(tx: Transaction, own: UserAddress) -> None:
    """Say whose our messages are, in a history from before authors were kept."""
    tx.execute("UPDATE messages SET author = ? WHERE author = x''", (own,))


def by_id(
    tx: Transaction,
    message_id: MessageId,
    contact: UserAddress | None = None,
    author: UserAddress | None = None,
) -> StoredMessage | None:
    """Return a message by its id, in one conversation or in all, of one author or of any.

    Others choose the ids of what they write, so several may have one: ours comes first, then
    what was here first, so that nobody can put a message in the place of another.
    """
    row = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE id = ?1 AND (?2 IS NULL OR contact = ?2)"
        " AND (?3 IS NULL OR author = ?3) ORDER BY direction = 'out' DESC, seq LIMIT 1",
        (message_id, contact, author),
    ).fetchone()
    return None if row is None else view(tx, row)


def at(tx: Transaction, contact: UserAddress, target: MessageTarget) -> StoredMessage | None:
    """Return the one message that a target names."""
    row = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE contact = ? AND author = ? AND id = ?",
        (contact, *target),
    ).fetchone()
    return None if row is None else view(tx, row)


def own(tx: Transaction, message_id: MessageId) -> StoredMessage | None:
    """Return a message that we wrote by its id, which is drawn here and so names one only."""
    row = tx.execute(
        f"SELECT {COLUMNS} FROM messages WHERE id = ? AND direction = 'out'", (message_id,)
    ).fetchone()
    return None if row is None else view(tx, row)


def exists(
    tx: Transaction,
    author: UserAddress,
    message_id: MessageId,
    contact: UserAddress | None = None,
) -> bool:
    """Tell whether a received message is in the history, in one conversation or in any."""
    row = tx.execute(
        "SELECT 1 FROM messages WHERE id = ?1 AND author = ?2 AND direction = 'in'"
        " AND (?3 IS NULL OR contact = ?3)",
        (message_id, author, contact),
    ).fetchone()
    return row is not None


def content_of(tx: Transaction, seq: int) -> bytes | None:
    """Return the whole encoded content of a line, where its text is not all of it."""
    row = tx.execute("SELECT content FROM messages WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else row[0]


def set_starred(tx: Transaction, seq: int, *, on: bool) -> None:
    """Star a line, or not."""
    tx.execute("UPDATE messages SET starred = ? WHERE seq = ?", (on, seq))


def has_history(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether anything ever came from a contact, or was delivered to it."""
    row = tx.execute(
        "SELECT 1 FROM messages WHERE contact = ?"
        " AND (direction = 'in' OR state IN ('delivered', 'read'))",
        (contact,),
    ).fetchone()
    return row is not None


def is_noted_since(tx: Transaction, contact: UserAddress, kind: str, since: float) -> bool:
    """Tell whether a conversation has a line of a kind that is not older than a unix time."""
    row = tx.execute(
        "SELECT 1 FROM messages WHERE contact = ? AND kind = ? AND stored_at >= ?",
        (contact, kind, since),
    ).fetchone()
    return row is not None


def set_state(
    tx: Transaction,
    message_id: MessageId,
    contact: UserAddress,
    state: MessageState,
    reason: str = "",
) -> bool:
    """Move an outgoing message to a later state; False if it is there or past it.

    States only go forward (queued, sent, delivered), or to failed before delivered. One that
    is queued may get another reason why it stays so.
    """
    earlier = _EARLIER[state]
    marks = ",".join("?" * len(earlier))
    changed = tx.execute(
        "UPDATE messages SET state = ?, reason = ? WHERE id = ? AND contact = ?"
        f" AND direction = 'out' AND state IN ({marks}) AND (state <> ? OR reason <> ?)",
        (state, reason, message_id, contact, *earlier, state, reason),
    )
    return changed.rowcount > 0


def set_sent_reason(
    tx: Transaction, message_id: MessageId, contact: UserAddress, reason: str
) -> bool:
    """Give a message that a relay keeps a reason; False if it has one, or is no longer `sent`."""
    changed = tx.execute(
        "UPDATE messages SET reason = ? WHERE id = ? AND contact = ? AND direction = 'out'"
        " AND state = 'sent' AND reason = ''",
        (reason, message_id, contact),
    )
    return changed.rowcount > 0


def set_waiting_reason(
    tx: Transaction, contact: UserAddress, reason: str, instead_of: Sequence[str]
) -> list[MessageId]:
    """Give a contact's queued messages another reason; return the ids of those that changed."""
    marks = ",".join("?" * len(instead_of))
    rows = tx.execute(
        "UPDATE messages SET reason = ? WHERE contact = ? AND direction = 'out'"
        f" AND state = 'queued' AND reason <> ? AND reason IN ({marks}) RETURNING id",
        (reason, contact, reason, *instead_of),
    )
    return [MessageId(row[0]) for row in rows.fetchall()]


def last_waiting_reason(tx: Transaction, contact: UserAddress) -> str:
    """Return why the newest message to a contact is queued; empty if it is not, or unknown."""
    row = tx.execute(
        "SELECT state, reason FROM messages WHERE contact = ? AND direction = 'out' AND hidden = 0"
        " ORDER BY seq DESC LIMIT 1",
        (contact,),
    ).fetchone()
    return row[1] if row is not None and row[0] == MessageState.QUEUED else ""


def unconfirmed_own(
    tx: Transaction,
) -> list[tuple[UserAddress, Content, bytes, float]]:
    """Return what we wrote and nobody has confirmed: for whom, its content, and when."""
    rows = tx.execute(
        "SELECT contact, id, kind, text, content, sent_at FROM messages WHERE direction = 'out'"
        " AND state IN ('queued', 'sent') AND deleted = 0 ORDER BY seq"
    ).fetchall()
    found = []
    for contact, message_id, kind, text, raw, sent_at in rows:
        alone = Content(kind, MessageId(message_id), sent_at_ms=int(sent_at * 1000), text=text)
        encoded = bytes(raw or encode_content(alone))
        found.append((UserAddress(contact), decode_content(encoded), encoded, float(sent_at)))
    return found


def kept(tx: Transaction, contact: UserAddress) -> tuple[int, int]:
    """Return how many messages of somebody are kept, shown or not, and the bytes of all."""
    row = tx.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM ("
        " SELECT length(CAST(text AS BLOB)) + coalesce(length(content), 0) AS size FROM messages"
        " WHERE contact = ?1 AND direction = 'in'"
        " UNION ALL SELECT length(CAST(text AS BLOB)) + coalesce(length(content), 0) FROM held"
        " WHERE contact = ?1"
        " UNION ALL SELECT sum(length(data)) FROM parts WHERE contact = ?1 GROUP BY message_id)",
        (contact,),
    ).fetchone()
    return int(row[0]), int(row[1])


def fail_all(tx: Transaction, contact: UserAddress, reason: str) -> list[MessageId]:
    """Give up all messages to a contact that were not delivered; return their ids."""
    rows = tx.execute(
        "UPDATE messages SET state = 'failed', reason = ? WHERE contact = ?"
        " AND direction = 'out' AND state IN ('queued', 'sent') RETURNING id",
        (reason, contact),
    )
    return [MessageId(row[0]) for row in rows.fetchall()]


def delivered_after(
    tx: Transaction, contact: UserAddress, sequence: int, most: int
) -> tuple[int, tuple[int, ...]]:
    """Count our messages above a number that the contact has confirmed; return the last numbers.

    These are `most` at most, in order: a conversation may have any number of messages.
    """
    what = (
        "FROM messages WHERE contact = ? AND direction = 'out'"
        " AND state IN ('delivered', 'read') AND sender_sequence > ?"
    )
    count = tx.execute(f"SELECT count(*) {what}", (contact, sequence)).fetchone()[0]
    last = tx.execute(
        f"SELECT sender_sequence {what} ORDER BY sender_sequence DESC LIMIT ?",
        (contact, sequence, most),
    ).fetchall()
    return int(count), tuple(int(row[0]) for row in reversed(last))


def received_from(tx: Transaction, contact: UserAddress, sequence: int) -> tuple[int, int]:
    """Count the contact's messages from a number on; return the highest number, 0 if none."""
    count, last = tx.execute(
        "SELECT count(*), coalesce(max(sender_sequence), 0) FROM messages WHERE contact = ?"
        " AND direction = 'in' AND sender_sequence >= max(1, ?)",
        (contact, sequence),
    ).fetchone()
    return int(count), int(last)


def unconfirmed(tx: Transaction, contact: UserAddress) -> list[MessageId]:
    """Return ids of received messages whose sender was not yet told."""
    rows = tx.execute(
        "SELECT id FROM messages WHERE contact = ? AND direction = 'in' AND confirmed = 0"
        " ORDER BY seq",
        (contact,),
    )
    return [MessageId(row[0]) for row in rows]


def mark_confirmed(tx: Transaction, contact: UserAddress) -> None:
    """Note that all received messages of a contact are being confirmed."""
    tx.execute(
        "UPDATE messages SET confirmed = 1 WHERE contact = ? AND direction = 'in'"
        " AND confirmed = 0",
        (contact,),
    )

"""Marks become visible: kept if they win their place, written into their line, and told.

What comes from others and what the owner does goes the same way. Spec: docs/spec/end-to-end.md
section 6, "Marks".
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.marks import Signed
from zentalk.errors import RemoteProtocolError
from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import events, marks, messages, unread
from zentalk.store.history.models import Direction, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire import chat
from zentalk.wire.chat import MessageTarget, kind_of
from zentalk.wire.text import format_address, parse_address

_EVENTS: Final = {
    chat.EDIT: "message.edited",
    chat.DELETE: "message.deleted",
    chat.REACTION: "message.reacted",
    chat.PIN: "message.pinned",
    chat.VOTE: "message.voted",
}


class NoMarkRoomError(RemoteProtocolError):
    """Too many marks wait for their messages; there may be room for one more later."""


def apply(
    tx: Transaction, contact: UserAddress, signed: Signed, now: float, *, waits: bool = True
) -> StoredMessage | None:
    """Let a mark count; return its line if that is shown in another way now.

    Unless it `waits`, a mark whose line is not here is refused. Raises RemoteProtocolError, as
    NoMarkRoomError if it would wait, and too many of its author do.
    """
    target = signed.mark.target
    before = messages.at(tx, contact, target)
    if before is None:
        _check_waits(tx, contact, signed.author, waits=waits)
    if not marks.put(tx, contact, signed) or before is None:
        return None
    marks.write_into_line(tx, contact, target)
    after = messages.at(tx, contact, target)
    if after is None or after == before:
        return None
    if after.deleted:
        events.take_out(tx, after)
    by = format_address(signed.author)
    events.append_row(tx, _EVENTS[kind_of(signed.mark)], now, after, by=by)
    if after.deleted:
        uncount(tx, contact, before, now)
    return after


def uncount(tx: Transaction, contact: UserAddress, line: StoredMessage, now: float) -> None:
    """Count a line as unread no more that was shown until now, if it was unread."""
    if line.direction is Direction.IN and not line.deleted:
        log_unread(tx, contact, unread.is_gone(tx, contact, line.seq), now)


def log_unread(tx: Transaction, contact: UserAddress, count: int | None, now: float) -> None:
    """Say how many messages are unread now; nothing if that is None."""
    if count is not None:
        data = {"conversation": format_address(contact), "unread": count}
        events.append(tx, "conversation.read", now, data)


def under_its_marks(tx: Transaction, contact: UserAddress, line: StoredMessage) -> StoredMessage:
    """Return a line that has just come under the marks that came before it."""
    target = MessageTarget(parse_address(line.author), MessageId(bytes.fromhex(line.id)))
    if not marks.every(tx, contact, target):
        return line
    marks.write_into_line(tx, contact, target)
    return messages.at(tx, contact, target) or line


def _check_waits(
    tx: Transaction, contact: UserAddress, author: UserAddress, *, waits: bool
) -> None:
    if not waits:
        raise RemoteProtocolError("a mark is for a message that is not here")
    if marks.without_line(tx, contact, author) >= marks.MAX_WITHOUT_LINE:
        raise NoMarkRoomError("too many marks of one person wait for messages that are not here")

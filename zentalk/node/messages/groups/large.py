"""What is different in large groups, where whatever is said goes to many.

A group is large while more than 32 people are in it or invited. Nobody enters a 17th by what the
owner does; one that others have made larger stays, and nothing of it is lost. A text there fits one
packet of class S, once its reader has answered in their ratchet: the header of a first message
leaves too little of one. Spec: docs/spec/groups.md section 10.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from zentalk.errors import ConflictError, TooLargeError
from zentalk.ids import (
    NODE_ID_BYTES,
    SEND_ID_BYTES,
    TICKET_BYTES,
    USER_ADDRESS_BYTES,
    EntryRef,
    GroupId,
    MessageId,
    NodeId,
    SendId,
    UserAddress,
)
from zentalk.session.ratchet import ENVELOPE_OVERHEAD_BYTES
from zentalk.store.history import groups
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MAX_TIMER_SECONDS, MessageTarget
from zentalk.wire.content import MAX_MENTIONS, TEXT, About, Content, encode_content
from zentalk.wire.group_bodies import MAX_LINE_HEADS, GroupLine, group_content
from zentalk.wire.ratchet import INNER_KIND_BYTES, INNER_SMALL_BYTES
from zentalk.wire.route import KEY_BYTES, MAX_MAILBOXES, Route, RouteEntry

LARGE: Final = 32
"""A group of more people, who are in or invited, is large."""
MAX_LARGE_GROUPS: Final = 16
"""Large groups that somebody is in."""
MENTION_BYTES: Final = 2 + USER_ADDRESS_BYTES
"""What each mention takes of the room of a text."""
_MAX_U53: Final = 2**53
_SMALL_CONTENT_BYTES: Final = INNER_SMALL_BYTES - INNER_KIND_BYTES - ENVELOPE_OVERHEAD_BYTES


def largest_content(text: str, mentions: int = MAX_MENTIONS) -> Content:
    """Return a text as it goes to a member with all that may go along, each as long as it can be.

    That is an answer that was forwarded and disappears, names 8 heads, and carries our route and a
    ticket.
    """
    someone, message_id = UserAddress(bytes(USER_ADDRESS_BYTES)), MessageId(bytes(16))
    mailbox = RouteEntry(
        NodeId(bytes(NODE_ID_BYTES)), SendId(bytes(SEND_ID_BYTES)), bytes(KEY_BYTES)
    )
    inner = Content(
        TEXT,
        message_id,
        sequence=_MAX_U53,
        sent_at_ms=_MAX_U53,
        text=text,
        about=About(
            MessageTarget(someone, message_id), True, MAX_TIMER_SECONDS, (someone,) * mentions
        ),
    )
    heads = (EntryRef(bytes(16)),) * MAX_LINE_HEADS
    wrapped = group_content(GroupLine(GroupId(someone), heads, inner))
    return replace(
        wrapped,
        route=Route(_MAX_U53, (mailbox,) * MAX_MAILBOXES),
        route_seen=_MAX_U53,
        ticket=b"t" * TICKET_BYTES,
    )


def _text_room() -> int:
    """Return how many bytes of text fit, with everything that may go along but mentions."""
    sample = "x" * 256  # so long that lengths are written as those of the longest one are
    around = len(encode_content(largest_content(sample))) - len(sample)
    return _SMALL_CONTENT_BYTES - around + MAX_MENTIONS * MENTION_BYTES


MAX_TEXT_BYTES: Final = _text_room()
"""UTF-8 bytes of a text in a large group, with MENTION_BYTES for each of its mentions."""


def is_large(tx: Transaction, group: GroupId) -> bool:
    """Tell whether more than 32 people are in a group or invited to it."""
    return groups.people(tx, group) > LARGE


def check_room(tx: Transaction, group: GroupId, people: int) -> None:
    """Refuse to be in one large group too many; `people` are in this one then, or invited.

    Raises ConflictError.
    """
    others = groups.joined_with_more(tx, LARGE) - {group}
    if people > LARGE and len(others) >= MAX_LARGE_GROUPS:
        raise ConflictError(
            f"you are in {len(others)} other groups of more than {LARGE} members, and may be in"
            f" {MAX_LARGE_GROUPS}: leave one of them first"
        )


def check_text(tx: Transaction, group: GroupId, text: str, mentions: int) -> None:
    """Refuse a text that is too long for a large group; raises TooLargeError."""
    size = len(text.encode("utf-8", "replace")) + mentions * MENTION_BYTES
    if size > MAX_TEXT_BYTES and is_large(tx, group):
        raise TooLargeError(
            f"a text in a group of more than {LARGE} members may have at most {MAX_TEXT_BYTES}"
            f" bytes, and this one has {size}, with {MENTION_BYTES} for each mention: shorten it or"
            " split it"
        )

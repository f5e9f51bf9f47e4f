"""Lines of a group that an admin shares with somebody who joined later, as write jobs.

Whoever gets them has the admin's word alone: lines are not signed. So they are marked, stand before
everything that was here, take no place of anything, and give way to what their authors send.
Spec: docs/spec/groups.md section 9.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from zentalk.chat.kinds import KINDS, KindRole
from zentalk.chat.views import line_of
from zentalk.ids import UserAddress
from zentalk.node.messages.conversation.marking import under_its_marks
from zentalk.store.history import contacts, events, imported, messages, shared
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.history.shared import ShareableLine
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget
from zentalk.wire.content import PLAIN, TEXT, Content, decode_content, encode_content, is_all_text
from zentalk.wire.group_bodies import MAX_SHOWN_AT_MS, SharedLine
from zentalk.wire.text import format_address

MAX_LINES: Final = 200
MAX_BYTES: Final = 256 * 1024
"""Of what is shared at once: the newest lines that fit."""
MAX_KEPT_LINES: Final = 1_000
MAX_KEPT_BYTES: Final = 2**20
"""Of all that admins have shared of one group; beyond it nothing is taken."""


def lines_to_share(tx: Transaction, conversation: UserAddress, count: int) -> list[SharedLine]:
    """Return the newest lines that may be shared, oldest first, as they are shown here now."""
    found: list[SharedLine] = []
    room = MAX_BYTES
    for row in shared.newest(tx, conversation, count):
        known = KINDS.get(row.kind)
        if known is None or known.role is not KindRole.LINE:
            continue
        inner = _content(row)
        room -= len(encode_content(inner))
        if room < 0:
            break
        shown_at_ms = min(max(0, int(row.shown_at * 1000)), MAX_SHOWN_AT_MS)
        found.append(SharedLine(row.author, shown_at_ms, inner))
    return found[::-1]


def _content(row: ShareableLine) -> Content:
    whole = None if row.content is None else decode_content(row.content)
    return Content(
        kind=row.kind,
        message_id=row.message_id,
        sent_at_ms=max(0, int(row.sent_at * 1000)),
        text=row.text if row.kind == TEXT else "",
        body=None if whole is None else whole.body,
        about=PLAIN if whole is None else whole.about,
        fallback="" if whole is None else whole.fallback,
    )


def take_shared(
    tx: Transaction,
    conversation: UserAddress,
    by: UserAddress,
    lines: Sequence[SharedLine],
    authors: Container[UserAddress],
    now: float,
) -> None:
    """Add lines that are not here, if one of `authors` is named as theirs.

    The caller has seen to it that `by` may share. Left out are lines of people who are blocked.
    """
    kept, size = shared.kept(tx, conversation)
    after, added = None, 0
    for line in lines:
        raw, text = encode_content(line.inner), _text(line.inner)
        size += len(raw)
        if kept + added >= MAX_KEPT_LINES or size > MAX_KEPT_BYTES:
            break
        if not text or line.author not in authors or _is_unwanted(tx, conversation, line):
            continue
        after = imported.place_after(tx, min(line.shown_at_ms / 1000, now), after)
        _add(tx, conversation, by, line, after)
        added += 1
    if added:
        data = {
            "conversation": format_address(conversation),
            "by": format_address(by),
            "messages": added,
        }
        events.append(tx, "group.history", now, data)


def _text(inner: Content) -> str:
    """Return what is shown of a content; empty if it is no line that stays."""
    known = KINDS.get(inner.kind)
    is_line = known is not None and known.role is KindRole.LINE
    return (inner.text or line_of(inner.body)) if is_line and not inner.about.timer_seconds else ""


def _is_unwanted(tx: Transaction, conversation: UserAddress, line: SharedLine) -> bool:
    author = contacts.get(tx, line.author)
    if author is not None and author.state is ContactState.BLOCKED:
        return True
    return shared.is_here(tx, conversation, MessageTarget(line.author, line.inner.message_id))


def _add(
    tx: Transaction, conversation: UserAddress, by: UserAddress, line: SharedLine, place: int
) -> None:
    inner, shown_at = line.inner, imported.time_of(place)
    stored = messages.insert(
        tx,
        message_id=inner.message_id,
        contact=conversation,
        author=line.author,
        direction=Direction.IN,
        kind=inner.kind,
        text=_text(inner),
        content=None if is_all_text(inner) else encode_content(inner),
        state=MessageState.RECEIVED,
        sender_sequence=0,
        sent_at=min(inner.sent_at_ms / 1000, shown_at),
        now=shown_at,
        confirmed=True,
        seq=place,
        shared_by=by,
    )
    assert stored is not None
    under_its_marks(tx, conversation, stored)


def author_has_sent(
    tx: Transaction, conversation: UserAddress, target: MessageTarget, now: float
) -> None:
    """Let a shared line give way to the one that its author sends."""
    if shared.give_way(tx, conversation, target):
        gone = {"conversation": format_address(conversation), "id": target.message_id.hex()}
        events.append(tx, "message.removed", now, gone)

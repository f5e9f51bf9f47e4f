"""Kinds of content that this version knows, and an earlier one kept without knowing them.

A content of an unknown kind is kept whole and confirmed, so it does not come again. The first start
of a version that knows its kind lets it do what it would have done then: lines are shown in their
old places, as messages that have just come; marks, settings and receipts count. What a version
kept that did not show fallbacks is shown by them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.chat.kinds import KINDS, KindRole, role_of
from zentalk.chat.views import line_of
from zentalk.errors import RemoteProtocolError
from zentalk.node.messages.conversation import marking
from zentalk.node.messages.kinds import registry
from zentalk.node.messages.kinds.incoming import Incoming
from zentalk.store.history import contacts, events, kept_contents, messages, settings
from zentalk.store.history.kept_contents import KeptContent
from zentalk.store.sqlite import Transaction, savepoint
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE, TEXT, decode_content
from zentalk.wire.introduction import INTRODUCTION
from zentalk.wire.text import format_address

_KEY: Final = "known-kinds"
_FIRST: Final = frozenset({TEXT, CONFIRMATION, PART, ROUTE, NONE})
"""What the versions knew that did not write down which kinds they know."""


def take_up(tx: Transaction, now: float) -> None:
    """Let what was kept of kinds that are new here do what it says; once for each version."""
    noted = settings.get(tx, _KEY)
    before = _FIRST if noted is None else frozenset(noted.decode("utf-8").split())
    fresh = KINDS.keys() - before
    if not fresh:
        return
    lines = {word for word in fresh if role_of(word) is KindRole.LINE}
    numbers = kept_contents.of_kinds(tx, lines)
    if noted is None:
        numbers = sorted([*numbers, *kept_contents.not_shown(tx, KINDS)])
    for seq in numbers:
        _try(_show, tx, kept_contents.get(tx, seq), now)
    others = [kept_contents.get(tx, seq) for seq in kept_contents.of_kinds(tx, fresh - lines)]
    # Out of the history before any of them counts: a mark may name another as if it were a line.
    due = [kept for kept in others if _try(_take_out, tx, kept, now)]
    for kept in due:
        _try(_apply, tx, kept, now)
    settings.put(tx, _KEY, " ".join(sorted(KINDS)).encode("utf-8"))


def _try(
    step: Callable[[Transaction, KeptContent, float], bool],
    tx: Transaction,
    kept: KeptContent,
    now: float,
) -> bool:
    """Do something with a content; False, and nothing done, if it is malformed or must not be."""
    try:
        with savepoint(tx):
            return step(tx, kept, now)
    except RemoteProtocolError:
        return False


def _show(tx: Transaction, kept: KeptContent, now: float) -> bool:
    """Show a line, and tell of it as of one that has just come if it was not shown before."""
    content = decode_content(kept.content)
    text = line_of(content.body) or content.fallback
    if not text and content.kind not in KINDS:
        return False
    kept_contents.show(tx, kept.seq, text, content.about.timer_seconds)
    line = messages.at(tx, kept.contact, kept.target)
    if kept.is_hidden and line is not None:
        line = marking.under_its_marks(tx, kept.contact, line)
        contacts.add_unread(tx, kept.contact, 1)
        events.append_row(tx, "message.received", now, line)
    return True


def _take_out(tx: Transaction, kept: KeptContent, now: float) -> bool:
    """Take what is no line out of the history; False if its sender may not say it."""
    content, sender = decode_content(kept.content), contacts.get(tx, kept.contact)
    if sender is None or (content.kind == INTRODUCTION and not sender.is_accepted):
        return False
    kept_contents.remove(tx, kept.seq)
    if not kept.is_hidden:
        gone = {"conversation": format_address(kept.contact), "id": content.message_id.hex()}
        events.append(tx, "message.removed", now, gone)
    return True


def _apply(tx: Transaction, kept: KeptContent, now: float) -> bool:
    content, sender = decode_content(kept.content), contacts.get(tx, kept.contact)
    if sender is not None and role_of(content.kind) is not KindRole.SIGNAL:
        registry.KINDS[content.kind](tx, Incoming(sender, content, kept.content), now)
    return True

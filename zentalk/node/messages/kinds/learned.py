"""Kinds of content that this version knows, and an earlier one kept without knowing them.

A content of an unknown kind is kept whole and confirmed, so it does not come again. The first start
of a version that knows its kind lets it do what it would have done then: lines are shown in their
old places, as messages that have just come; marks, settings and receipts count. What a version
kept that did not show fallbacks is shown by them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, TypeVar

from zentalk.chat.kinds import KINDS, KindRole, role_of
from zentalk.chat.views import line_of
from zentalk.errors import RemoteProtocolError
from zentalk.logs import quiet_logger
from zentalk.node.messages.conversation import marking
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.kinds.incoming import BUGS, Incoming, KindResult
from zentalk.store.history import contacts, events, kept_contents, messages, settings, unread
from zentalk.store.history.kept_contents import KeptContent
from zentalk.store.sqlite import Transaction, savepoint
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE, TEXT, decode_content
from zentalk.wire.introduction import INTRODUCTION
from zentalk.wire.text import format_address

T = TypeVar("T")
Apply: TypeAlias = Callable[[Transaction, Incoming, float], KindResult]
_LOG: Final = quiet_logger("zentalk.node")
_KEY: Final = "known-kinds"
_FIRST: Final = frozenset({TEXT, CONFIRMATION, PART, ROUTE, NONE})
"""What the versions knew that did not write down which kinds they know."""


def take_up(tx: Transaction, now: float, apply: Apply) -> CommitEffects:
    """Let what was kept of kinds that are new here do what it says; once for each version.

    `apply` does that for what is no line. Nothing that a peer has sent can fail it.
    """
    noted = settings.get(tx, _KEY)
    before = _FIRST if noted is None else frozenset(noted.decode("utf-8").split())
    fresh = KINDS.keys() - before
    if not fresh:
        return NO_EFFECTS
    lines = {word for word in fresh if role_of(word) is KindRole.LINE}
    numbers = kept_contents.of_kinds(tx, lines)
    if noted is None:
        numbers = sorted([*numbers, *kept_contents.not_shown(tx, KINDS)])
    for seq in numbers:
        _try(tx, partial(_show, tx, kept_contents.get(tx, seq), now))
    others = [kept_contents.get(tx, seq) for seq in kept_contents.of_kinds(tx, fresh - lines)]
    # Out of the history before any of them counts: a mark may name another as if it were a line.
    due = [kept for kept in others if _try(tx, partial(_take_out, tx, kept, now))]
    done = [_try(tx, partial(_apply, tx, kept, now, apply)) for kept in due]
    settings.put(tx, _KEY, " ".join(sorted(KINDS)).encode("utf-8"))
    return CommitEffects.together(result.effects for result in done if result is not None)


def _try(tx: Transaction, step: Callable[[], T | None]) -> T | None:
    """Do something with a content; None, and nothing done, if it is malformed or must not be."""
    try:
        with savepoint(tx):
            return step()
    except RemoteProtocolError:
        return None
    except BUGS as bug:  # It would end this node at every start.
        _LOG.error("message_dropped", error=type(bug).__name__)
        return None


def _show(tx: Transaction, kept: KeptContent, now: float) -> None:
    """Show a line, and tell of it as of one that has just come if it was not shown before."""
    content = decode_content(kept.content)
    text = line_of(content.body) or content.fallback
    if not text and content.kind not in KINDS:
        return
    kept_contents.show(tx, kept.seq, text, content.about.timer_seconds)
    line = messages.at(tx, kept.contact, kept.target)
    if kept.is_hidden and line is not None:
        line = marking.under_its_marks(tx, kept.contact, line)
        if not line.deleted:
            unread.add(tx, kept.contact, 1)
        events.append_row(tx, "message.received", now, line)


def _take_out(tx: Transaction, kept: KeptContent, now: float) -> KeptContent | None:
    """Take what is no line out of the history; None if its sender may not say it."""
    content, sender = decode_content(kept.content), contacts.get(tx, kept.contact)
    if sender is None or (content.kind == INTRODUCTION and not sender.is_accepted):
        return None
    kept_contents.remove(tx, kept.seq)
    if not kept.is_hidden:
        gone = {"conversation": format_address(kept.contact), "id": content.message_id.hex()}
        events.append(tx, "message.removed", now, gone)
    return kept


def _apply(tx: Transaction, kept: KeptContent, now: float, apply: Apply) -> KindResult | None:
    content, sender = decode_content(kept.content), contacts.get(tx, kept.contact)
    if sender is None or role_of(content.kind) is KindRole.SIGNAL:
        return None  # A signal was worth something only then.
    return apply(tx, Incoming(sender, content, kept.content), now)

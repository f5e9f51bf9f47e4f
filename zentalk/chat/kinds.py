"""All kinds of content in one table.

A row says what a kind carries and how it is handled; a kind without a row comes from a newer
version and is a line, shown by its fallback. Spec: docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from zentalk.wire import chat, group_bodies
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE, TEXT
from zentalk.wire.gaps import GAPS
from zentalk.wire.introduction import INTRODUCTION
from zentalk.wire.sync import SYNC

RATCHET_RENEWED: Final = "ratchet-renewed"
"""A line of the history that nobody wrote: the keys with this contact were made anew."""


class KindRole(Enum):
    """What a kind does to a conversation."""

    LINE = "line"
    """Takes a place in the order, and is shown there."""
    MARK = "mark"
    """Changes how a line is shown."""
    SETTING = "setting"
    """Belongs to the conversation, or to its author; the newest counts."""
    RECEIPT = "receipt"
    """Says how far a message of ours has come."""
    SIGNAL = "signal"
    """Is worth something only now: neither queued nor confirmed."""
    GROUP = "group"
    """Carries a group to one of its members: what is said there, or what the group is made of."""
    TRANSPORT = "transport"
    """Serves the delivery of others, and means nothing to people."""


class Kind(NamedTuple):
    """One kind of content; `fallback` is what a node shows that does not know it, around `{}`."""

    word: str
    role: KindRole
    carries: str
    fallback: str = ""

    @property
    def is_stored(self) -> bool:
        """Whether it is kept by its reader."""
        return self.role in (KindRole.LINE, KindRole.MARK, KindRole.SETTING, KindRole.GROUP)

    @property
    def is_queued(self) -> bool:
        """Whether its author keeps it, and sends it again, until its reader has confirmed it."""
        return self.is_stored or self.word in (chat.READ, ROUTE, PART, SYNC, GAPS)


KINDS: Final = {
    kind.word: kind
    for kind in (
        Kind(TEXT, KindRole.LINE, "a text"),
        Kind(chat.POLL, KindRole.LINE, "a question and its options", "A poll: {}"),
        Kind(chat.CARD, KindRole.LINE, "an address and a name", "A contact: {}"),
        Kind(chat.STICKER, KindRole.LINE, "a small picture", "A sticker: {}"),
        Kind(chat.LOCATION, KindRole.LINE, "a place", "A place: {}"),
        Kind(chat.FILE, KindRole.LINE, "a file", "A file: {}"),
        Kind(chat.EDIT, KindRole.MARK, "a line and its new text"),
        Kind(chat.DELETE, KindRole.MARK, "a line that is taken back"),
        Kind(chat.REACTION, KindRole.MARK, "a line and an emoji"),
        Kind(chat.PIN, KindRole.MARK, "a line, pinned or not"),
        Kind(chat.VOTE, KindRole.MARK, "a poll and the options that were chosen"),
        Kind(chat.TIMER, KindRole.SETTING, "seconds until read messages disappear"),
        Kind(chat.PROFILE, KindRole.SETTING, "name, status line and avatar of the author"),
        Kind(chat.DIRECT, KindRole.SETTING, "whether the author allows direct connections"),
        Kind(INTRODUCTION, KindRole.SETTING, "somebody's address, name and secret"),
        Kind(chat.READ, KindRole.RECEIPT, "the newest message that was looked at"),
        Kind(CONFIRMATION, KindRole.RECEIPT, "messages that were saved"),
        Kind(chat.TYPING, KindRole.SIGNAL, "whether the author is writing"),
        Kind(chat.PRESENCE, KindRole.SIGNAL, "whether the author is there"),
        Kind(chat.DIRECT_OFFER, KindRole.SIGNAL, "where the author's node may be reached now"),
        Kind(group_bodies.GROUP, KindRole.GROUP, "what is said in a group", group_bodies.FALLBACK),
        Kind(group_bodies.GROUP_ENTRIES, KindRole.GROUP, "entries of a group's log"),
        Kind(group_bodies.GROUP_ASK, KindRole.GROUP, "what its author lacks of a group"),
        Kind(group_bodies.GROUP_CARDS, KindRole.GROUP, "where members of a group are written to"),
        Kind(group_bodies.GROUP_PICTURE, KindRole.GROUP, "the picture of a group"),
        Kind(group_bodies.GROUP_HISTORY, KindRole.GROUP, "lines of before somebody joined"),
        Kind(PART, KindRole.TRANSPORT, "a piece of a longer content"),
        Kind(ROUTE, KindRole.TRANSPORT, "where the author collects"),
        Kind(NONE, KindRole.TRANSPORT, "nothing"),
        Kind(SYNC, KindRole.TRANSPORT, "what two nodes of one owner tell each other"),
        Kind(GAPS, KindRole.TRANSPORT, "what a contact's new node lacks"),
    )
}
"""All kinds that this version knows, by their words."""
NOT_QUEUED: Final = frozenset(kind.word for kind in KINDS.values() if not kind.is_queued)
"""Kinds that are sent once, and kept no longer than until they have left."""


def role_of(word: str) -> KindRole:
    """Return what a kind does; one that is not known here is a line."""
    kind = KINDS.get(word)
    return KindRole.LINE if kind is None else kind.role

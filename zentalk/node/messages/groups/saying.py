"""What the owner says in a group: once into the history, and on its way to all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from zentalk.errors import ConflictError, NotFoundError
from zentalk.groups.authoring import line_heads
from zentalk.groups.permission import GroupDeniedError, may_post
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups import large
from zentalk.node.messages.groups.book import NO_GROUP, GroupBook
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.states import move
from zentalk.store.history import chats, group_members, group_receipts, groups, privacy
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import READ, Read
from zentalk.wire.content import Content
from zentalk.wire.group_bodies import FALLBACK, GroupLine, group_content

ALONE: Final = "nobody else is in this group"
RECEIPTS_SECONDS: Final = 30.0
"""Authors are told once in this time what was read, however often that was.

In large groups they are not: each would tell all others of everything."""
_NOT_IN: Final = {
    GroupStanding.INVITED: "you are invited to this group: accept the invitation first",
    GroupStanding.LEFT: "you have left this group: somebody in it can invite you again",
    GroupStanding.REMOVED: "you were removed from this group and cannot write to it",
}


Merge: TypeAlias = Callable[[Transaction, GroupId, float], CommitEffects]
"""Brings the heads of a log together, if a message cannot name all of them."""


class GroupSpeech:
    """Says things in groups, for whoever writes, reacts, reads or sets a timer."""

    def __init__(self, book: GroupBook, distribution: Distribution, merge: Merge) -> None:
        self._book = book
        self._distribution = distribution
        self._merge = merge

    def check(self, tx: Transaction, conversation: UserAddress) -> None:
        """Refuse where the owner may not write; raises ConflictError or NotFoundError."""
        group = GroupId(conversation)
        row = groups.get(tx, group)
        if row is None or row.stands is GroupStanding.INCOMPLETE:
            raise NotFoundError(NO_GROUP)
        if not row.is_joined:
            raise ConflictError(_NOT_IN[row.stands])
        denial = may_post(self._book.state(tx, group), self._book.own)
        if denial is not None:
            raise GroupDeniedError(denial)

    def check_text(
        self, tx: Transaction, conversation: UserAddress, text: str, mentions: int = 0
    ) -> None:
        """Refuse a text that is too long for its group; raises TooLargeError."""
        large.check_text(tx, GroupId(conversation), text, mentions)

    def say(
        self, tx: Transaction, conversation: UserAddress, inner: Content, now: float, *, line: bool
    ) -> CommitEffects:
        """Let a content go to all others; of a line it is kept how far it has come.

        Before it goes a merge, if it cannot name all heads of the log.
        """
        group = GroupId(conversation)
        merged = self._merge(tx, group, now)
        wrapped = self._wrapped(tx, group, inner, is_line=line)
        sent = self._distribution.to_all(tx, group, wrapped, now, is_line=line)
        if line and sent is NO_EFFECTS:
            move(tx, inner.message_id, conversation, MessageState.DELIVERED, now, ALONE)
        return CommitEffects.together([merged, sent])

    def say_to(
        self, tx: Transaction, group: GroupId, member: UserAddress, inner: Content, now: float
    ) -> CommitEffects:
        """Let a content go to one member only, such as that its messages were read."""
        wrapped = self._wrapped(tx, group, inner, is_line=False)
        return self._distribution.to_some(tx, group, wrapped, [member], now)

    def note_read(
        self, tx: Transaction, conversation: UserAddress, seq: int, now: float
    ) -> CommitEffects:
        """Note up to where a group was read, for `tell_read` to tell with what is read by then."""
        group = GroupId(conversation)
        row = groups.get(tx, group)
        if row is None or not row.is_joined or chats.told_up_to(tx, conversation) >= seq:
            return NO_EFFECTS
        group_receipts.note(tx, group, seq, now + RECEIPTS_SECONDS)
        return CommitEffects(fan_out=True)

    def tell_read(self, tx: Transaction, now: float) -> tuple[CommitEffects, float | None]:
        """Tell authors what was read and is due; return when the next is (unix time)."""
        due = group_receipts.take_due(tx, now)
        made = [self._tell_read(tx, group, seq, now) for group, seq in due]
        return CommitEffects.together(made), group_receipts.next_due(tx)

    def _tell_read(self, tx: Transaction, group: GroupId, seq: int, now: float) -> CommitEffects:
        """Tell each author up to where its messages were read, if there are not too many people."""
        conversation = UserAddress(group)
        row, told = groups.get(tx, group), chats.told_up_to(tx, conversation)
        if row is None or not row.is_joined or told >= seq or not privacy.get(tx).read_receipts:
            return NO_EFFECTS
        chats.set_told(tx, conversation, seq, MessageId(b""))
        # Of those who may not post nothing is taken, so subscribers tell nobody.
        may_tell = may_post(self._book.state(tx, group), self._book.own) is None
        if not may_tell or large.is_large(tx, group):
            return NO_EFFECTS
        inside = group_members.inside(tx, group)
        return CommitEffects.together(
            self.say_to(
                tx,
                group,
                author,
                Content(READ, self._distribution.new_message_id(), body=Read(message_id)),
                now,
            )
            for author, message_id in chats.newest_by_author(tx, conversation, told, seq)
            if author in inside
        )

    def _wrapped(
        self, tx: Transaction, group: GroupId, inner: Content, *, is_line: bool
    ) -> Content:
        heads = line_heads(self._book.log(tx, group), self._book.own)
        line = GroupLine(group, heads, inner)
        return group_content(line, fallback=FALLBACK if is_line else "")

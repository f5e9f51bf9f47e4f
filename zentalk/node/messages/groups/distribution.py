"""From one content to an outbox item for each member, in small steps.

A content for a group is stored once, with the list of who is still to get it, in the transaction
of whoever wrote it; that transaction ends, and its author has an answer, before anything is
encrypted. Then a few members at a time are written to. What is for somebody who has left by then
never leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.ids import EntryRef, GroupId, MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.store.history import group_members, group_sends, groups
from zentalk.store.history.group_sends import PendingSend
from zentalk.store.sqlite import Transaction
from zentalk.wire.codec import Value
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.group_bodies import (
    GROUP_ASK,
    GROUP_CARDS,
    GROUP_ENTRIES,
    GROUP_HISTORY,
    GROUP_PICTURE,
    MAX_ASK_CARDS,
    CardWanted,
    GroupAsk,
    GroupPicture,
    SharedLine,
    card_batch_body,
    card_batches,
    entry_batch_body,
    entry_batches,
    group_ask_body,
    group_picture_body,
    shared_histories,
    shared_history_body,
)

STEP: Final = 16
"""Members who are written to in one transaction."""
ASK_AGAIN_SECONDS: Final = 60.0
"""After so long a card that did not come is asked for again."""


class Distribution:
    """Writes to members of groups: to all of them, or to one."""

    def __init__(self, composer: Composer, cards: GroupCards, own: UserAddress) -> None:
        self._composer = composer
        self._cards = cards
        self._own = own

    def to_all(
        self, tx: Transaction, group: GroupId, content: Content, now: float, *, is_line: bool
    ) -> CommitEffects:
        """Let a content go to everybody who is in a group; kept is how far, if it is a line."""
        return self.to_some(
            tx, group, content, group_members.inside(tx, group), now, is_line=is_line
        )

    def to_some(
        self,
        tx: Transaction,
        group: GroupId,
        content: Content,
        members: Iterable[UserAddress],
        now: float,
        *,
        is_line: bool = False,
    ) -> CommitEffects:
        """Let a content go to some members of a group."""
        others = [member for member in members if member != self._own]
        if not others:
            return NO_EFFECTS
        raw, message_id = encode_content(content), content.message_id
        group_sends.add(tx, group, message_id, raw, others, now, is_line=is_line)
        return CommitEffects(fan_out=True)

    def entries(
        self,
        tx: Transaction,
        group: GroupId,
        raws: Iterable[bytes],
        members: Iterable[UserAddress],
        now: float,
    ) -> CommitEffects:
        """Let entries of a log go to some members, ancestors first."""
        receivers = list(members)
        return CommitEffects.together(
            self.to_some(
                tx, group, self._content(GROUP_ENTRIES, entry_batch_body(batch)), receivers, now
            )
            for batch in entry_batches(group, raws)
        )

    def cards(
        self,
        tx: Transaction,
        group: GroupId,
        raws: Iterable[bytes],
        members: Iterable[UserAddress],
        now: float,
    ) -> CommitEffects:
        """Let cards go to some members."""
        receivers = list(members)
        return CommitEffects.together(
            self.to_some(
                tx, group, self._content(GROUP_CARDS, card_batch_body(batch)), receivers, now
            )
            for batch in card_batches(group, raws)
        )

    def picture(
        self,
        tx: Transaction,
        group: GroupId,
        picture: bytes,
        members: Iterable[UserAddress],
        now: float,
    ) -> CommitEffects:
        """Let a group's picture go to some members."""
        body = group_picture_body(GroupPicture(group, picture))
        return self.to_some(tx, group, self._content(GROUP_PICTURE, body), members, now)

    def history(
        self,
        tx: Transaction,
        group: GroupId,
        heads: tuple[EntryRef, ...],
        lines: Iterable[SharedLine],
        member: UserAddress,
        now: float,
    ) -> CommitEffects:
        """Let lines of before go to one member."""
        return CommitEffects.together(
            self.to_some(
                tx, group, self._content(GROUP_HISTORY, shared_history_body(some)), [member], now
            )
            for some in shared_histories(group, heads, lines)
        )

    def ask(self, tx: Transaction, member: UserAddress, ask: GroupAsk, now: float) -> CommitEffects:
        """Ask a member for entries or cards; nothing if there is no way to write to it."""
        content = self._content(GROUP_ASK, group_ask_body(ask))
        try:
            row, reached = self._cards.reach(tx, ask.group, member, now)
        except LookupError:
            return NO_EFFECTS
        return CommitEffects.together([reached, self._composer.send(tx, row, content, now)])

    def step(self, tx: Transaction, now: float) -> tuple[CommitEffects, bool]:
        """Write to a few members; return what that allows, and whether there are more."""
        waiting = group_sends.ready(tx, STEP)
        effects = [self._write(tx, one, now) for one in waiting]
        return CommitEffects.together(effects), len(waiting) == STEP

    def _write(self, tx: Transaction, one: PendingSend, now: float) -> CommitEffects:
        try:
            row, reached = self._cards.reach(tx, one.group, one.member, now)
        except LookupError:
            group_sends.wait_for_card(tx, one.group, one.member)
            return self.ask_for_cards(tx, one.group, now)
        group_sends.done(tx, one.send, one.member)
        sent = self._composer.send(tx, row, decode_content(one.content), now)
        return CommitEffects.together([reached, sent])

    def finish(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Write at once what tells members of entries; whatever else waits in a group does not go.

        Nor does what waits for a card.
        """
        made = [NO_EFFECTS]
        for one in group_sends.of_group(tx, group):
            content = decode_content(one.content)
            if content.kind != GROUP_ENTRIES:
                continue
            try:
                row, reached = self._cards.reach(tx, group, one.member, now)
            except LookupError:
                continue
            made += [reached, self._composer.send(tx, row, content, now)]
        return CommitEffects.together(made)

    def go_on(self, tx: Transaction, people: Iterable[UserAddress]) -> CommitEffects:
        """Encrypt what waited behind something that was given up."""
        ready = [item for one in set(people) for item in self._composer.encrypt_waiting(tx, one)]
        return CommitEffects(send=tuple(ready))

    def ask_for_cards(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Ask for the cards that something waits for, unless that was done a moment ago.

        Asked is who added the member: it was the first to have the card. Else who invited us.
        """
        wanted: dict[UserAddress, list[UserAddress]] = {}
        for member in group_sends.waiting_for_cards(tx, group):
            row = group_members.get(tx, group, member)
            if row is None or (row.asked_at is not None and now < row.asked_at + ASK_AGAIN_SECONDS):
                continue
            turn = 0 if row.asked_at is None else int(now // ASK_AGAIN_SECONDS)
            source = self._source(tx, group, row.added_by, turn)
            if source is not None:
                wanted.setdefault(source, []).append(member)
        made = [NO_EFFECTS]
        for source, members in wanted.items():
            group_members.asked(tx, group, members, now)
            for start in range(0, len(members), MAX_ASK_CARDS):
                some = members[start : start + MAX_ASK_CARDS]
                cards = tuple(CardWanted(member, 0) for member in some)
                made.append(self.ask(tx, source, GroupAsk(group, cards=cards), now))
        return CommitEffects.together(made)

    def _source(
        self, tx: Transaction, group: GroupId, added_by: UserAddress | None, turn: int
    ) -> UserAddress | None:
        """Return whom to ask for somebody's card; in later turns somebody else."""
        row = groups.get(tx, group)
        invited_by = None if row is None else row.invited_by
        people = (added_by, invited_by, *group_members.with_ratchets(tx, group))
        able = [
            person
            for person in dict.fromkeys(people)
            if person is not None and person != self._own and self._can_ask(tx, group, person)
        ]
        return able[turn % len(able)] if able else None

    def _can_ask(self, tx: Transaction, group: GroupId, person: UserAddress) -> bool:
        if self._composer.has_session(tx, person):
            return True
        known = group_members.get(tx, group, person)
        return known is not None and known.card is not None

    def new_message_id(self) -> MessageId:
        """Draw the id of something that is to be said."""
        return self._composer.new_message_id()

    def _content(self, kind: str, body: Value) -> Content:
        return Content(kind=kind, message_id=self._composer.new_message_id(), raw_body=body)

    def dropped(
        self, tx: Transaction, group: GroupId, gone: Sequence[UserAddress]
    ) -> tuple[MessageId, ...]:
        """Give up what is on its way to people who have left; return the messages it was."""
        return tuple(
            message_id for member in gone for message_id in group_sends.drop_for(tx, group, member)
        )

"""What other members send: entries of the log, cards, questions, and what is said.

Whatever the log does not explain yet is kept, neither shown nor confirmed, and its author is asked
for what is missing. What the log does not allow is refused for good, and confirmed: its author
would send it again and again, and hold back what comes after it. Spec: docs/spec/groups.md
section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from zentalk.crypto.hashing import equal
from zentalk.errors import AuthenticationError, ConflictError, DecodeError, RemoteProtocolError
from zentalk.groups.exchange import question
from zentalk.groups.permission import endings_due
from zentalk.ids import DAY_SECONDS, EntryRef, GroupId, MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import forgetting, sharing
from zentalk.node.messages.conversation.marking import NoMarkRoomError
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups import answering, hearing, joining
from zentalk.node.messages.groups.answering import GroupQuestions
from zentalk.node.messages.groups.book import GroupBook, Learned
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.node.messages.groups.commands import GroupCommands
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.linked import syncing
from zentalk.store.history import (
    contacts,
    group_forgetting,
    group_held,
    group_joins,
    group_members,
    groups,
)
from zentalk.store.history.confirmations import let_in
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction, savepoint
from zentalk.wire.content import decode_content
from zentalk.wire.group import GroupEntry, decode_entry
from zentalk.wire.group_acts import picture_hash
from zentalk.wire.group_bodies import (
    GROUP,
    GROUP_ASK,
    GROUP_CARDS,
    GROUP_ENTRIES,
    GROUP_HISTORY,
    GROUP_PICTURE,
    GroupAsk,
    read_card_batch,
    read_entry_batch,
    read_group_line,
    read_shared_history,
)

MAX_HELD_OF_ONE: Final = 128
MAX_HELD: Final = 1_024
"""Contents of one author, and of all in a group, that may wait for the log to explain them."""
MAX_GROUPS: Final = 512
"""Groups that wait for an answer of the owner, of all who have invited to one."""
WAIT_SECONDS: Final = 7 * DAY_SECONDS
"""After so long what the log still does not explain is given up."""
_REFUSED: Final = CommitEffects(undecryptable=1)


class NoGroupRoomError(RemoteProtocolError):
    """What came for a group finds no room now, and may find some later: it is not confirmed."""


_NO_ROOM: Final = (NoGroupRoomError, NoMarkRoomError)


class GroupInbox:
    """Takes in what is for groups."""

    def __init__(
        self,
        composer: Composer,
        book: GroupBook,
        cards: GroupCards,
        distribution: Distribution,
        commands: GroupCommands,
    ) -> None:
        self._composer = composer
        self._book = book
        self._commands = commands
        self.let_in = commands.let_in
        self._questions = GroupQuestions(book, cards, distribution)
        self._distribution = distribution

    def apply(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        """Do what a content for a group says; nothing, if it must not be done.

        Raises RemoteProtocolError if nothing may stay of it: there is no room, or it is a
        stranger's, who could otherwise fill the history with ratchets.
        """
        handle: dict[str, Callable[[Transaction, Incoming, float], KindResult]] = {
            GROUP: self._line,
            GROUP_ENTRIES: self._entries,
            GROUP_ASK: self._questions.answer,
            GROUP_CARDS: self._cards,
            GROUP_PICTURE: self._questions.take_picture,
            GROUP_HISTORY: self._history,
        }
        try:
            with savepoint(tx):
                result = handle[incoming.content.kind](tx, incoming, now)
        except _NO_ROOM:
            raise
        except RemoteProtocolError:
            if not _is_answered(tx, incoming.sender):
                raise
            result = KindResult(incoming.content.message_id, effects=_REFUSED)
        return result._replace(in_group=True)

    def give_up(self, tx: Transaction, now: float) -> CommitEffects:
        """Drop what has waited for too long for entries that did not come, and confirm it."""
        made = [NO_EFFECTS]
        for author, ids in group_held.take_before(tx, now - WAIT_SECONDS).items():
            sender = contacts.get(tx, author)
            if sender is not None and _is_answered(tx, sender):
                made.append(self._confirm(tx, author, ids, now))
        return CommitEffects.together(made)

    # --- entries -----------------------------------------------------------------------------

    def _entries(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender, incoming.content
        batch = read_entry_batch(content.raw_body)
        group = batch.group
        entries, made = _verified(batch.entries, group), [NO_EFFECTS]
        if groups.get(tx, group) is None:
            if not sender.is_accepted:
                raise RemoteProtocolError("only contacts can invite to a group")
            if not joining.is_founding(entries, group):
                return self._hold(tx, incoming, group, now)
            made.append(forgetting.make_room(tx, self._distribution, sender.address, now))
            if group_forgetting.count_unanswered(tx) >= MAX_GROUPS:
                raise NoGroupRoomError("too many invitations wait for an answer")
            self._book.begin(tx, entries[0], GroupStanding.INCOMPLETE, sender.address, now)
        elif not answering.may_tell(self._book.state(tx, group), sender):
            raise RemoteProtocolError("entries of a group came from somebody who is not in it")
        named = self._named(tx, group)
        row = groups.get(tx, group)
        # What comes with an invitation is the whole log, with all that its sender ever signed.
        by = sender.address if row is not None and row.is_joined else None
        learned = self._book.learn(tx, group, entries, now, named, by)
        made.append(self._after(tx, group, learned, now))
        row = groups.get(tx, group)
        invited_by = None if row is None else row.invited_by
        is_invited = row is not None and row.stands is GroupStanding.INVITED
        if is_invited and invited_by is not None and group_joins.take(tx, invited_by, now):
            made.append(self._join(tx, group, now))
        ask = self._lacking(tx, group)
        if ask is not None:
            made.append(self._distribution.ask(tx, sender.address, ask, now))
        return KindResult(content.message_id, effects=CommitEffects.together(made))

    def _join(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Accept an invitation that the owner has asked for; if there is no room it is kept."""
        try:
            return self._commands.accept(tx, group, now)[1]
        except ConflictError:
            return NO_EFFECTS

    def _lacking(self, tx: Transaction, group: GroupId) -> GroupAsk | None:
        """Return what to ask whoever has told us of entries; None if nothing is missing."""
        log, named = self._book.log(tx, group), self._book.state(tx, group).settings.picture_hash
        here = groups.picture(tx, group)
        picture = b"" if not named or (here and equal(picture_hash(here), named)) else named
        if log.missing():
            return replace(question(log), picture=picture)
        return GroupAsk(group, picture=picture) if picture else None

    def _named(self, tx: Transaction, group: GroupId) -> list[EntryRef]:
        """Return the entries that what waits has named."""
        named: list[EntryRef] = []
        for held in group_held.every(tx, group):
            content = decode_content(held.content)
            if content.kind == GROUP:
                named += read_group_line(content.raw_body).heads
            elif content.kind == GROUP_HISTORY:
                named += read_shared_history(content.raw_body).heads
        return named

    def _after(
        self, tx: Transaction, group: GroupId, learned: Learned, now: float
    ) -> CommitEffects:
        """Do what follows from new entries, and take in what they explain."""
        made = [joining.after(tx, self._book, self._distribution, group, learned, now)]
        if learned.entries:
            self._commands.end_links(tx, group, now)
            endings = endings_due(self._book.state(tx, group), self._book.own)
            made += [self._commands.act(tx, group, ending, now) for ending in endings]
            made.append(self._explain(tx, group, now))
        return CommitEffects.together(made)

    def _explain(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Take in, in the order in which it came, what waits and is explained now; confirm it.

        What is still not explained goes to the end, and is not looked at twice.
        """
        made, last = [NO_EFFECTS], group_held.last_place(tx, group)
        while (held := group_held.take_first(tx, group, last)) is not None:
            author = contacts.get(tx, held.author)
            if author is None:
                continue
            content = decode_content(held.content)
            incoming = Incoming(author, content, held.content, held.was_under_way)
            try:
                result = self.apply(tx, incoming, now)
            except _NO_ROOM:
                _keep(tx, incoming, group, now)
                continue
            except RemoteProtocolError:
                continue  # a stranger's: nothing of it stays
            shown = [] if result.held else [held.message_id]
            shown += [other for other in result.entered if other != held.message_id]
            made += [result.effects, self._confirm(tx, held.author, shown, now)]
        return CommitEffects.together(made)

    def _confirm(
        self, tx: Transaction, author: UserAddress, ids: Iterable[MessageId], now: float
    ) -> CommitEffects:
        wanted = let_in(tx, author, ids)
        made = syncing.confirm(tx, self._composer, author, wanted, now)
        return CommitEffects(best_effort=tuple(made))

    def _hold(self, tx: Transaction, incoming: Incoming, group: GroupId, now: float) -> KindResult:
        author, content = incoming.sender.address, incoming.content
        is_known = groups.get(tx, group) is not None
        of_one = (
            group_held.count(tx, group, author)
            if is_known
            else group_held.count_unknown(tx, author)  # in all these together
        )
        if of_one >= MAX_HELD_OF_ONE or group_held.count(tx, group) >= MAX_HELD:
            raise NoGroupRoomError("too much waits for entries of a group's log")
        _keep(tx, incoming, group, now)
        return KindResult(content.message_id, held=True)

    def _cards(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        group = read_card_batch(incoming.content.raw_body).group
        if groups.get(tx, group) is not None:
            return self._questions.take_cards(tx, incoming, now)
        if not incoming.sender.is_accepted:
            raise RemoteProtocolError("only contacts can invite to a group")
        return self._hold(tx, incoming, group, now)

    # --- what is said ------------------------------------------------------------------------

    def _line(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender, incoming.content
        line = read_group_line(content.raw_body)
        row = groups.get(tx, line.group)
        if row is None or not row.is_joined:
            if row is not None and self._book.log(tx, line.group).unknown(line.heads):
                # These may say that the owner is in it.
                return self._wait_for(tx, incoming, line.group, line.heads, now)
            raise RemoteProtocolError("a message came for a group that the owner is not in")
        if line.inner.message_id != content.message_id:
            raise RemoteProtocolError("a message to a group has another id than what is in it")
        verdict = self._book.folds(tx, line.group).verdict(sender.address, line.heads)
        match hearing.reception(verdict, was_under_way=incoming.was_under_way):
            case hearing.Reception.REFUSE:
                raise RemoteProtocolError("a message to a group is of somebody who may not write")
            case hearing.Reception.WAIT:
                return self._wait_for(tx, incoming, line.group, line.heads, now)
        self._book.told(tx, line.group, sender.address, line.heads, now)
        if sender.state is ContactState.BLOCKED:
            # It is taken as read, so that who was blocked cannot tell.
            return KindResult(content.message_id)
        return hearing.hear(tx, line.group, sender.address, line.inner, now)

    def _history(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender.address, incoming.content
        told = read_shared_history(content.raw_body)
        row = groups.get(tx, told.group)
        if row is not None and self._book.log(tx, told.group).unknown(told.heads):
            return self._wait_for(tx, incoming, told.group, told.heads, now)
        if row is None or not row.is_joined:
            raise RemoteProtocolError("history came of a group that the owner is not in")
        state = self._book.state(tx, told.group)
        if not hearing.may_share(state, sender):
            raise RemoteProtocolError("history of a group came from somebody who is no admin")
        if incoming.sender.state is not ContactState.BLOCKED:
            authors = (state.members.keys() | state.former) - {self._book.own}
            conversation = UserAddress(told.group)
            sharing.take_shared(tx, conversation, sender, told.lines, authors, now)
        return KindResult(content.message_id)

    def _wait_for(
        self,
        tx: Transaction,
        incoming: Incoming,
        group: GroupId,
        heads: tuple[EntryRef, ...],
        now: float,
    ) -> KindResult:
        """Keep what names entries that are not here, and ask its author for them."""
        held = self._hold(tx, incoming, group, now)
        ask = question(self._book.log(tx, group), heads)
        asked = self._distribution.ask(tx, incoming.sender.address, ask, now)
        return held._replace(effects=asked)


def _keep(tx: Transaction, incoming: Incoming, group: GroupId, now: float) -> None:
    group_held.add(
        tx,
        group,
        incoming.sender.address,
        incoming.content.message_id,
        incoming.raw,
        now,
        was_under_way=incoming.was_under_way,
    )


def _is_answered(tx: Transaction, sender: ContactRow) -> bool:
    """Tell whether what is refused of somebody is confirmed: of contacts, and of who is known.

    That is by a log of a group that the owner is or was in. Who is shut out besides is not told.
    """
    if sender.is_shut_out:
        return bool(group_members.groups_of(tx, sender.address))
    return sender.is_accepted or group_members.is_known(tx, sender.address)


def _verified(raws: Iterable[bytes], group: GroupId) -> list[GroupEntry]:
    """Return the entries that are what they should be; the others may be anybody's."""
    found = []
    for raw in raws:
        try:
            found.append(decode_entry(raw, group))
        except (DecodeError, AuthenticationError):
            continue
    return found

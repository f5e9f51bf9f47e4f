"""What other members send: entries of the log, cards, questions, and what is said.

Whatever the log does not explain yet is kept, neither shown nor confirmed, and its author is asked
for what is missing. What the log does not allow is refused. Spec: docs/spec/groups.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from zentalk.errors import AuthenticationError, DecodeError, RemoteProtocolError
from zentalk.groups.exchange import answer, question
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, GroupId, UserAddress
from zentalk.node.messages import confirmations
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups import hearing, joining
from zentalk.node.messages.groups.book import GroupBook, Learned
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import contacts, group_held, group_members, groups
from zentalk.store.history.confirmations import let_in
from zentalk.store.history.groups import GroupStanding
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content
from zentalk.wire.group import GroupEntry, decode_entry
from zentalk.wire.group_bodies import (
    GROUP,
    GROUP_ASK,
    GROUP_CARDS,
    GROUP_ENTRIES,
    read_card_batch,
    read_entry_batch,
    read_group_ask,
    read_group_line,
)

MAX_HELD_OF_ONE: Final = 128
MAX_HELD: Final = 1_024
"""Contents of one author, and of all in a group, that may wait for the log to explain them."""
MAX_GROUPS: Final = 512
ANSWERS_SECONDS: Final = 30.0
"""A member gets one answer of many entries in this time."""


class GroupInbox:
    """Takes in what is for groups."""

    def __init__(
        self, composer: Composer, book: GroupBook, cards: GroupCards, distribution: Distribution
    ) -> None:
        self._composer = composer
        self._book = book
        self._cards = cards
        self._distribution = distribution
        self._answered: dict[tuple[GroupId, UserAddress], float] = {}

    def apply(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        """Do what a content for a group says; raises RemoteProtocolError if it must not be done."""
        apply: dict[str, Callable[[Transaction, Incoming, float], KindResult]] = {
            GROUP: self._line,
            GROUP_ENTRIES: self._entries,
            GROUP_ASK: self._ask,
            GROUP_CARDS: self._take_cards,
        }
        handle = apply.get(incoming.content.kind)
        if handle is None:
            return KindResult(incoming.content.message_id, in_group=True)
        return handle(tx, incoming, now)._replace(in_group=True)

    # --- entries -----------------------------------------------------------------------------

    def _entries(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender, incoming.content
        batch = read_entry_batch(content.raw_body)
        group, effects = batch.group, NO_EFFECTS
        entries = _verified(batch.entries, group)
        if groups.get(tx, group) is None:
            if not sender.is_accepted:
                raise RemoteProtocolError("only contacts can invite to a group")
            if not joining.is_founding(entries, group):
                return self._hold(tx, incoming, group, now)
            if len(groups.every(tx)) >= MAX_GROUPS:
                raise RemoteProtocolError("there are too many groups to be invited to another")
            self._book.begin(tx, entries[0], GroupStanding.INCOMPLETE, sender.address, now)
        elif not self._may_tell(tx, group, sender.address, is_contact=sender.is_accepted):
            raise RemoteProtocolError("entries of a group came from somebody who is not in it")
        learned = self._book.learn(tx, group, entries, now, self._named(tx, group))
        effects = self._after(tx, group, learned, now)
        log = self._book.log(tx, group)
        if log.missing():
            ask = question(log)
            effects = CommitEffects.together(
                [effects, self._distribution.ask(tx, sender.address, ask, now)]
            )
        return KindResult(content.message_id, effects=effects)

    def _may_tell(
        self, tx: Transaction, group: GroupId, sender: UserAddress, *, is_contact: bool
    ) -> bool:
        state = self._book.state(tx, group)
        return is_contact or sender in state.members or sender in state.former

    def _named(self, tx: Transaction, group: GroupId) -> list[EntryRef]:
        """Return the entries that what waits has named."""
        named: list[EntryRef] = []
        for held in group_held.every(tx, group):
            content = decode_content(held.content)
            if content.kind == GROUP:
                named += read_group_line(content.raw_body).heads
        return named

    def _after(
        self, tx: Transaction, group: GroupId, learned: Learned, now: float
    ) -> CommitEffects:
        """Do what follows from new entries, and take in what they explain."""
        made = [joining.after(tx, self._book, self._distribution, group, learned, now)]
        if learned.entries:
            made.append(self._explain(tx, group, now))
        return CommitEffects.together(made)

    def _explain(self, tx: Transaction, group: GroupId, now: float) -> CommitEffects:
        """Take in, in the order in which it came, what waits and is explained now; confirm it."""
        made = [NO_EFFECTS]
        for held in group_held.every(tx, group):
            author = contacts.get(tx, held.author)
            content = decode_content(held.content)
            group_held.remove(tx, held.place)
            if author is None or content.kind == GROUP_ENTRIES:
                if author is not None:
                    made.append(
                        self._entries(tx, Incoming(author, content, held.content), now).effects
                    )
                    made.append(self._confirm(tx, held.author, [held.message_id], now))
                continue
            try:
                result = self._line(tx, Incoming(author, content, held.content), now)
            except RemoteProtocolError:
                continue
            made.append(result.effects)
            shown = list(result.entered)
            if not result.held and held.message_id not in shown:
                shown.insert(0, held.message_id)
            made.append(self._confirm(tx, held.author, shown, now))
        return CommitEffects.together(made)

    def _confirm(
        self, tx: Transaction, author: UserAddress, ids: Iterable[bytes], now: float
    ) -> CommitEffects:
        wanted = let_in(tx, author, ids)  # type: ignore[arg-type]
        made = confirmations.confirm(tx, self._composer, author, wanted, now) if wanted else []
        return CommitEffects(best_effort=tuple(made))

    def _hold(self, tx: Transaction, incoming: Incoming, group: GroupId, now: float) -> KindResult:
        author, content = incoming.sender.address, incoming.content
        if (
            group_held.count(tx, group, author) >= MAX_HELD_OF_ONE
            or group_held.count(tx, group) >= MAX_HELD
        ):
            raise RemoteProtocolError("too much waits for entries of a group's log")
        group_held.add(tx, group, author, content.message_id, incoming.raw, now)
        return KindResult(content.message_id, held=True)

    # --- what is said ------------------------------------------------------------------------

    def _line(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender, incoming.content
        line = read_group_line(content.raw_body)
        row = groups.get(tx, line.group)
        if row is None or not row.is_joined:
            raise RemoteProtocolError("a message came for a group that the owner is not in")
        if line.inner.message_id != content.message_id:
            raise RemoteProtocolError("a message to a group has another id than what is in it")
        verdict = self._book.folds(tx, line.group).verdict(sender.address, line.heads)
        match hearing.reception(verdict, was_under_way=incoming.was_under_way):
            case hearing.Reception.REFUSE:
                raise RemoteProtocolError("a message to a group is of somebody who may not write")
            case hearing.Reception.WAIT:
                held = self._hold(tx, incoming, line.group, now)
                ask = question(self._book.log(tx, line.group), line.heads)
                asked = self._distribution.ask(tx, sender.address, ask, now)
                return held._replace(effects=asked)
        return hearing.hear(tx, line.group, sender.address, line.inner, now)

    # --- questions and cards -----------------------------------------------------------------

    def _ask(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender.address, incoming.content
        ask = read_group_ask(content.raw_body)
        if groups.get(tx, ask.group) is None:
            raise RemoteProtocolError("a question came for a group that is not known here")
        state = self._book.state(tx, ask.group)
        asker = state.member(sender)
        if asker is None:
            raise RemoteProtocolError(
                "a question about a group came from somebody who is not in it"
            )
        made = [NO_EFFECTS]
        if asker.is_joined and ask.cards:
            wanted = [one.member for one in ask.cards]
            cards = self._known_cards(tx, ask.group, state, wanted)
            made.append(self._distribution.cards(tx, ask.group, cards, [sender], now))
        if ask.heads or ask.entries:
            batches = answer(self._book.log(tx, ask.group), ask)
            if len(batches) <= 1 or self._may_answer(ask.group, sender, now):
                raws = [raw for batch in batches for raw in batch.entries]
                made.append(self._distribution.entries(tx, ask.group, raws, [sender], now))
        return KindResult(content.message_id, effects=CommitEffects.together(made))

    def _known_cards(
        self, tx: Transaction, group: GroupId, state: GroupState, wanted: list[UserAddress]
    ) -> list[bytes]:
        inside = [m for m in wanted if (found := state.member(m)) is not None and found.is_joined]
        known = [raw for _, raw in group_members.cards(tx, group, inside)]
        own = self._book.own
        return [*known, self._cards.own(tx, group).raw] if own in inside else known

    def _may_answer(self, group: GroupId, sender: UserAddress, now: float) -> bool:
        """Tell whether a long answer may go to somebody: each costs us far more than a question."""
        last = self._answered.get((group, sender))
        if last is not None and last <= now < last + ANSWERS_SECONDS:
            return False
        if len(self._answered) >= MAX_HELD:
            self._answered.clear()
        self._answered[group, sender] = now
        return True

    def _take_cards(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        sender, content = incoming.sender, incoming.content
        batch = read_card_batch(content.raw_body)
        if groups.get(tx, batch.group) is None:
            if not sender.is_accepted:
                raise RemoteProtocolError("only contacts can invite to a group")
            return self._hold(tx, incoming, batch.group, now)
        if not self._may_tell(tx, batch.group, sender.address, is_contact=sender.is_accepted):
            raise RemoteProtocolError("cards of a group came from somebody who is not in it")
        goes_on = self._cards.keep(tx, batch.group, batch.cards)
        return KindResult(content.message_id, effects=CommitEffects(fan_out=goes_on))


def _verified(raws: Iterable[bytes], group: GroupId) -> list[GroupEntry]:
    """Return the entries that are what they should be; the others may be anybody's."""
    found = []
    for raw in raws:
        try:
            found.append(decode_entry(raw, group))
        except (DecodeError, AuthenticationError):
            continue
    return found

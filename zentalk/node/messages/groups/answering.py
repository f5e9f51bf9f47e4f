"""Questions of members about a group, and the cards and pictures that answer ours."""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import equal
from zentalk.errors import RemoteProtocolError
from zentalk.groups import exchange
from zentalk.groups.state import GroupState
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups.book import GroupBook
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import group_members, groups
from zentalk.store.history.models import ContactRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.group_acts import picture_hash
from zentalk.wire.group_bodies import read_card_batch, read_group_ask, read_group_picture

ANSWERS_SECONDS: Final = 30.0
"""A member gets one answer of many entries in this time."""
_MAX_REMEMBERED: Final = 1_024


def may_tell(state: GroupState, sender: ContactRow) -> bool:
    """Tell whether what somebody sends of a group is looked at."""
    address = sender.address
    return sender.is_accepted or address in state.members or address in state.former


class GroupQuestions:
    """Answers members, and takes their answers in."""

    def __init__(self, book: GroupBook, cards: GroupCards, distribution: Distribution) -> None:
        self._book = book
        self._cards = cards
        self._distribution = distribution
        self._answered: dict[tuple[GroupId, UserAddress], float] = {}

    def answer(self, tx: Transaction, incoming: Incoming, now: float) -> KindResult:
        """Send somebody in the group what it lacks; raises RemoteProtocolError for others."""
        sender, content = incoming.sender.address, incoming.content
        ask = read_group_ask(content.raw_body)
        if groups.get(tx, ask.group) is None:
            raise RemoteProtocolError("a question came for a group that is not known here")
        state = self._book.state(tx, ask.group)
        asker = state.member(sender)
        if asker is None:
            raise RemoteProtocolError("a question about a group came from somebody outside")
        made = [NO_EFFECTS]
        if asker.is_joined and ask.cards:
            wanted = [one.member for one in ask.cards]
            cards = self._known_cards(tx, ask.group, state, wanted)
            made.append(self._distribution.cards(tx, ask.group, cards, [sender], now))
        here = groups.picture(tx, ask.group)
        if ask.picture and here and equal(picture_hash(here), ask.picture):
            made.append(self._distribution.picture(tx, ask.group, here, [sender], now))
        if ask.heads or ask.entries:
            batches = exchange.answer(self._book.log(tx, ask.group), ask)
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
        if len(self._answered) >= _MAX_REMEMBERED:
            self._answered.clear()
        self._answered[group, sender] = now
        return True

    def take_cards(self, tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
        """Keep cards of members of a group that is known; raises RemoteProtocolError."""
        sender, content = incoming.sender, incoming.content
        batch = read_card_batch(content.raw_body)
        if not may_tell(self._book.state(tx, batch.group), sender):
            raise RemoteProtocolError("cards of a group came from somebody who is not in it")
        goes_on = self._cards.keep(tx, batch.group, batch.cards)
        return KindResult(content.message_id, effects=CommitEffects(fan_out=goes_on))

    def take_picture(self, tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
        """Keep the picture that the log names, and let others be what they may."""
        shown = read_group_picture(incoming.content.raw_body)
        if groups.get(tx, shown.group) is None:
            raise RemoteProtocolError("a picture came for a group that is not known here")
        named = self._book.state(tx, shown.group).settings.picture_hash
        if named and equal(picture_hash(shown.picture), named):
            groups.set_picture(tx, shown.group, shown.picture)
        return KindResult(incoming.content.message_id)

"""A node that was promoted, and its contacts: who is written to next, and what each side misses.

The node asks in the first message of the new ratchet, by the numbers it has; the contact answers
once for each term, from its own history. So what was confirmed to a contact, or sent to it, after
the last word between the owner's two nodes is named as a gap in the conversation, and not hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from zentalk.chat.kinds import RATCHET_RENEWED
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages import ordering
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.store.history import contacts, events, held, messages, resumption
from zentalk.store.history.held import Series
from zentalk.store.history.models import ContactRow, ContactState, Direction, MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import ROUTE, Content
from zentalk.wire.gaps import (
    GAPS,
    MAX_NAMED,
    GapQuestion,
    Gaps,
    decode_gaps,
    decode_question,
    encode_gaps,
)


class Resuming(NamedTuple):
    """How somebody is written to whose turn it is; `show_card` tells the members of a group."""

    composer: Composer
    show_card: Callable[[Transaction, GroupId, float], CommitEffects]


def next_one(tx: Transaction, how: Resuming, now: float) -> CommitEffects | None:
    """Write to the contact or group whose turn it is; None once all had theirs."""
    contact = resumption.take_next(tx)
    if contact is None:
        return None
    row, composer = contacts.get(tx, contact), how.composer
    if row is not None and row.state is ContactState.GROUP:
        resumption.heard(tx, contact)
        return how.show_card(tx, GroupId(contact), now)
    if row is None or not row.is_accepted:
        return NO_EFFECTS
    question = GapQuestion(
        held.last_sequence(tx, Series(contact, contact)), contacts.following_sequence(tx, contact)
    )
    asks = Content(kind=ROUTE, message_id=composer.new_message_id(), raw_body=list(question))
    return composer.send(tx, row, asks, now)


def answer(
    tx: Transaction, composer: Composer, sender: ContactRow, content: Content, now: float
) -> CommitEffects:
    """Tell a contact whose node is a new one what its owner's other node had, and this one lacks.

    Only once for each term: whoever asks again learns nothing more.
    """
    asked = decode_question(content.raw_body) if content.kind == ROUTE else None
    if asked is None or not sender.is_accepted or sender.is_link or not content.term:
        return NO_EFFECTS
    if not resumption.answer_once(tx, sender.address, content.term):
        return NO_EFFECTS
    lost, named = messages.delivered_after(tx, sender.address, asked.last, MAX_NAMED)
    lost_sent, last_sent = messages.received_from(tx, sender.address, asked.following)
    if not lost and not lost_sent:
        return NO_EFFECTS
    gaps = Gaps(lost, named, lost_sent, last_sent)
    told = Content(kind=GAPS, message_id=composer.new_message_id(), raw_body=encode_gaps(gaps))
    return composer.send(tx, sender, told, now)


def learn(tx: Transaction, sender: ContactRow, content: Content, now: float) -> list[MessageId]:
    """Show what a contact says to be missing; return which messages waited for just that.

    Nothing is shown to who has not asked this contact. Raises DecodeError if it is malformed.
    """
    gaps = decode_gaps(content.raw_body)
    if not resumption.was_asked(tx, sender.address):
        return []
    resumption.heard(tx, sender.address)
    last = held.last_sequence(tx, Series(sender.address, sender.address))
    # What has a number up to here came late, or was counted as missing where others came first.
    known = sum(number <= last for number in gaps.numbers)
    _show(tx, sender.address, Direction.IN, gaps.lost - known, content.message_id, now)
    following = contacts.following_sequence(tx, sender.address)
    lost_sent = min(gaps.lost_sent, max(0, gaps.last_sent + 1 - following))
    _show(tx, sender.address, Direction.OUT, lost_sent, content.message_id, now)
    contacts.raise_sequence(tx, sender.address, gaps.last_sent + 1)
    return ordering.pass_over(tx, sender.address, max(gaps.numbers, default=0), now)


def _show(
    tx: Transaction,
    contact: UserAddress,
    direction: Direction,
    missing: int,
    note_id: MessageId,
    now: float,
) -> None:
    """Add a line that says how many messages of one side are missing here."""
    if missing <= 0:
        return
    line = messages.insert(
        tx,
        message_id=note_id,
        contact=contact,
        direction=direction,
        kind=RATCHET_RENEWED,
        text="",
        state=MessageState.RECEIVED if direction is Direction.IN else MessageState.DELIVERED,
        sender_sequence=0,
        sent_at=now,
        now=now,
        confirmed=True,
        missing=missing,
    )
    if line is not None:
        events.append_row(tx, "ratchet.renewed", now, line)

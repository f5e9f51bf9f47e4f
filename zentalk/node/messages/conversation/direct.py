"""What the owner allows of direct connections, and the offers of its node, as write jobs."""

from __future__ import annotations

from zentalk.errors import NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.kinds.settings import note_consent
from zentalk.node.messages.people import NO_PERSON
from zentalk.store.history import contacts, direct
from zentalk.store.history.direct import DirectRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import DIRECT, DirectConsent, OfferSignal
from zentalk.wire.content import Content


def state(tx: Transaction, contact: UserAddress) -> DirectRow:
    """Return what is allowed between the owner and a contact; raises NotFoundError."""
    row = contacts.get(tx, contact)
    if row is None or not row.is_accepted or row.is_link:
        raise NotFoundError(NO_PERSON)
    return direct.get(tx, contact)


def allow(
    tx: Transaction, composer: Composer, contact: UserAddress, now: float, *, on: bool
) -> CommitEffects:
    """Allow direct connections with a contact, or not any more, and tell it.

    What it allows itself stays as it was said. Raises NotFoundError for who is no contact.
    """
    before = state(tx, contact)
    if before.allowed == on:
        return NO_EFFECTS
    # The contact keeps the last number, also where everything of it was deleted here since.
    after = before._replace(number=max(before.number + 1, int(now * 1000)), allowed=on)
    noted = note_consent(tx, contact, before, after, now)
    body = DirectConsent(after.number, on)
    content = Content(kind=DIRECT, message_id=composer.new_message_id(), body=body)
    row = contacts.get(tx, contact)
    assert row is not None  # `state` has looked
    return CommitEffects.together([noted, composer.send(tx, row, content, now)])


def make_offer(
    tx: Transaction, composer: Composer, contact: UserAddress, offer: bytes, number: int
) -> bytes | None:
    """Return an offer's inner; None if not both have agreed, or it may have missed too much."""
    if contact not in direct.agreed(tx):
        return None
    return signals.make(tx, composer, contact, OfferSignal(offer), number)

"""What the owner allows of direct connections, and the offers of its node, as write jobs."""

from __future__ import annotations

from typing import Final

from zentalk.errors import NotFoundError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.kinds.settings import note_consent
from zentalk.node.messages.people import NO_PERSON
from zentalk.store.history import contacts, direct, outbox
from zentalk.store.history.direct import DirectRow
from zentalk.store.history.models import ContactRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import DIRECT, DirectConsent, OfferSignal
from zentalk.wire.content import Content

_ID_PREFIX: Final = b"direct"
"""The ids of consents begin with it: so those in the outbox are found among many."""


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
    row = contacts.get(tx, contact)
    assert row is not None  # `state` has looked
    return CommitEffects.together([noted, _tell(tx, composer, row, after, now)])


def tell_again(tx: Transaction, composer: Composer, row: ContactRow, now: float) -> CommitEffects:
    """Tell a contact that has just allowed direct connections what the owner allows.

    It may have been told while the owner was no contact of it, and have kept nothing. Who was
    never told anything is told nothing.
    """
    consent = direct.get(tx, row.address)
    return _tell(tx, composer, row, consent, now) if consent.number else NO_EFFECTS


def _tell(
    tx: Transaction, composer: Composer, row: ContactRow, consent: DirectRow, now: float
) -> CommitEffects:
    """Send a consent, in the place of an earlier one that is still on its way.

    A copy of the same one may have been read and dropped: it would be confirmed, and have no
    effect. And a contact that says it allows, again and again, does not fill the outbox.
    """
    message_id = MessageId(_ID_PREFIX + composer.new_message_id()[len(_ID_PREFIX) :])
    earlier = outbox.remove_kind(tx, row.address, DIRECT, _ID_PREFIX)
    body = DirectConsent(consent.number, consent.allowed)
    content = Content(kind=DIRECT, message_id=message_id, body=body)
    sent = composer.send(tx, row, content, now)
    return CommitEffects.together([CommitEffects(dropped=tuple(earlier)), sent])


def make_offer(
    tx: Transaction, composer: Composer, contact: UserAddress, offer: bytes, number: int
) -> bytes | None:
    """Return an offer's inner; None if not both have agreed, or it may have missed too much."""
    if contact not in direct.agreed(tx):
        return None
    return signals.make(tx, composer, contact, OfferSignal(offer), number)

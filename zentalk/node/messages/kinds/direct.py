"""Direct connections: what a contact allows, and where its node may be reached now.

Nothing here may take an offer from somebody with whom not both sides have agreed: who answers one
shows its own addresses.
"""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.node.messages.effects import CommitEffects, ReceivedOffer
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import direct, events
from zentalk.store.history.direct import DirectRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import DirectConsent, OfferSignal
from zentalk.wire.text import format_address


def consent(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Note whether a contact allows direct connections; of several the highest number counts."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, DirectConsent)
    done = KindResult(incoming.content.message_id)
    before = direct.get(tx, sender.address)
    if not sender.is_accepted or body.number <= before.their_number:
        return done
    after = before._replace(their_number=body.number, is_allowed_there=body.allowed)
    return done._replace(effects=note(tx, sender.address, before, after, now))


def offer(tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Pass on where a contact's node may be reached, if both sides have agreed to that."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, OfferSignal)
    if sender.address not in direct.agreed(tx):
        return KindResult()
    offered = ReceivedOffer(sender.address, body.offer)
    return KindResult(effects=CommitEffects(offers=(offered,)))


def note(
    tx: Transaction, contact: UserAddress, before: DirectRow, after: DirectRow, now: float
) -> CommitEffects:
    """Keep what is allowed now, and say so if that is another thing than before."""
    direct.put(tx, contact, after)
    if (before.allowed, before.is_allowed_there) == (after.allowed, after.is_allowed_there):
        return CommitEffects()
    data = {
        "address": format_address(contact),
        "allowed": after.allowed,
        "allowed_by_them": after.is_allowed_there,
    }
    events.append(tx, "contact.direct", now, data)
    return CommitEffects(consents=True)

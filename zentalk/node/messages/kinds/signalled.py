"""Signals of others: typing, presence and offers. Nothing of them is stored or confirmed.

Nothing here may take an offer from somebody with whom not both sides have agreed: who answers one
shows its own addresses.
"""

from __future__ import annotations

from zentalk.node.messages.effects import CommitEffects, ReceivedOffer, ReceivedSignal
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import direct
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import OfferSignal, Presence, Typing


def signal(_tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Pass on a contact's signal; what strangers do is not shown."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, Typing | Presence)
    if not sender.is_accepted:
        return KindResult()
    on = body.typing if isinstance(body, Typing) else body.online
    return KindResult(signal=ReceivedSignal(sender.address, incoming.content.kind, on))


def offer(tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Pass on where a contact's node may be reached, if both sides have agreed to that."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, OfferSignal)
    if sender.address not in direct.agreed(tx):
        return KindResult()
    offered = ReceivedOffer(sender.address, body.offer, incoming.content.sent_at_ms)
    return KindResult(effects=CommitEffects(offers=(offered,)))

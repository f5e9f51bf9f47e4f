"""Signals of others: typing and presence. Nothing of them is stored, and nobody confirms them."""

from __future__ import annotations

from zentalk.node.messages.effects import ReceivedSignal
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Presence, Typing


def signal(_tx: Transaction, incoming: Incoming, _now: float) -> KindResult:
    """Pass on a contact's signal; what strangers do is not shown."""
    sender, body = incoming.sender, incoming.content.body
    assert isinstance(body, Typing | Presence)
    if not sender.is_accepted:
        return KindResult()
    on = body.typing if isinstance(body, Typing) else body.online
    return KindResult(signal=ReceivedSignal(sender.address, incoming.content.kind, on))

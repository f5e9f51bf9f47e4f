"""Contents that become lines of the history: texts, and every kind that is not known here."""

from __future__ import annotations

from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.node.messages import ordering
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import messages
from zentalk.store.sqlite import Transaction

MAX_REQUEST_MESSAGES: Final = 200
"""Messages kept of somebody who was not accepted yet."""


def keep(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Put a message where its sender's order wants it.

    Raises RemoteProtocolError if a stranger has sent more than a request may hold.
    """
    sender, content = incoming.sender, incoming.content
    accepted = sender.is_accepted
    if not accepted and len(messages.unconfirmed(tx, sender.address)) >= MAX_REQUEST_MESSAGES:
        raise RemoteProtocolError("a stranger has sent more than a request may hold")
    entered = ordering.receive(tx, sender.address, content, incoming.raw, now, confirmed=accepted)
    return KindResult(content.message_id, held=entered == 0)

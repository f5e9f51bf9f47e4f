"""Confirmations: a recipient sees what we sent."""

from __future__ import annotations

from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.states import move
from zentalk.store.history import outbox
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction


def confirm(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Take confirmed messages out of the outbox; nobody confirms a confirmation."""
    contact = incoming.sender.address
    done: list[int] = []
    for message_id in incoming.content.confirmed:
        done += outbox.remove_message(tx, contact, message_id)
        move(tx, message_id, contact, MessageState.DELIVERED, now)
    return KindResult(confirmed=tuple(done))

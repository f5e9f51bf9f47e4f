"""How the state of an outgoing message changes: in its row, and in the event log."""

from __future__ import annotations

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history import events, messages
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address


def move(
    tx: Transaction,
    message_id: MessageId,
    contact: UserAddress,
    state: MessageState,
    now: float,
    reason: str = "",
) -> None:
    """Move a message to a later state and log that; nothing if it is there or past it."""
    if messages.set_state(tx, message_id, contact, state, reason):
        data = {"id": message_id.hex(), "state": state, "conversation": format_address(contact)}
        if reason:
            data["reason"] = reason
        events.append(tx, "message.state", now, data)

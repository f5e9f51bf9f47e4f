"""How the state of an outgoing message changes: in its row, and in the event log."""

from __future__ import annotations

from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.reasons import OF_LOOKUP, Reason
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
        log_state(tx, message_id, contact, state, now, reason)


def explain(tx: Transaction, contact: UserAddress, reason: Reason, now: float) -> None:
    """Say of all that waits for a contact to be found why it does, or `NONE` once it is."""
    earlier = (Reason.NONE, *OF_LOOKUP)
    for message_id in messages.set_waiting_reason(tx, contact, reason, earlier):
        log_state(tx, message_id, contact, MessageState.QUEUED, now, reason)


def log_state(
    tx: Transaction,
    message_id: MessageId,
    contact: UserAddress,
    state: MessageState,
    now: float,
    reason: str,
) -> None:
    """Say in the event log that a message has another state or reason."""
    data = {"id": message_id.hex(), "state": state, "conversation": format_address(contact)}
    if reason:
        data["reason"] = reason
    events.append(tx, "message.state", now, data)

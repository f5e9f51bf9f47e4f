"""How the state of an outgoing message changes: in its row, and in the event log."""

from __future__ import annotations

from typing import Final

from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.reasons import OF_LOOKUP, Reason
from zentalk.store.history import events, group_sends, messages
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

SOME_FAILED: Final = "some members did not get it within its time to live"
_ORDER: Final = (
    MessageState.QUEUED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.READ,
)


def move(
    tx: Transaction,
    message_id: MessageId,
    contact: UserAddress,
    state: MessageState,
    now: float,
    reason: str = "",
) -> None:
    """Move a message to a later state and log that; nothing if it is there or past it.

    One that went to a group moves with this one of its members, and as a whole if it was the last.
    """
    if messages.set_state(tx, message_id, contact, state, reason):
        log_state(tx, message_id, contact, state, now, reason)
    elif group_sends.set_state(tx, message_id, contact, state, now, reason):
        group = group_sends.group_of(tx, message_id, contact)
        if group is not None:
            move_whole(tx, group, message_id, now)


def move_whole(tx: Transaction, group: GroupId, message_id: MessageId, now: float) -> None:
    """Set the state of a message to a group by those that it has with the members.

    It is sent once relays hold it for all of them, delivered once all have it, and read once all
    have read it: what is shown is true of everybody.
    """
    found = group_sends.states(tx, message_id)
    behind = [state for state in _ORDER if state in found]
    failed = MessageState.FAILED in found
    if not found:
        return
    state = behind[0] if behind else MessageState.FAILED
    reason = SOME_FAILED if failed else ""
    conversation = UserAddress(group)
    if messages.set_state(tx, message_id, conversation, state, reason):
        log_state(tx, message_id, conversation, state, now, reason)


def explain(tx: Transaction, contact: UserAddress, reason: Reason, now: float) -> None:
    """Say of all that waits for a contact to be found why it does, or `NONE` once it is."""
    earlier = (Reason.NONE, *OF_LOOKUP)
    for message_id in messages.set_waiting_reason(tx, contact, reason, earlier):
        log_state(tx, message_id, contact, MessageState.QUEUED, now, reason)


def explain_sent(
    tx: Transaction, message_id: MessageId, contact: UserAddress, reason: Reason, now: float
) -> None:
    """Say of a message that a relay keeps why it is not delivered, if that is not said yet.

    Not of one to a group: it is with each of its members as far as that one is.
    """
    if messages.set_sent_reason(tx, message_id, contact, reason):
        log_state(tx, message_id, contact, MessageState.SENT, now, reason)


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

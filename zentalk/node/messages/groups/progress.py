"""How far a message to a group has come: with each member, and so as a whole.

A state of the whole is true of every member who is not behind: it is sent once relays hold it for
all of them, delivered once all have it, read once all have read it.
"""

from __future__ import annotations

from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.states import log_state
from zentalk.store.history import group_sends, messages
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction

_ORDER = (
    MessageState.QUEUED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.READ,
)


def move(
    tx: Transaction,
    message_id: MessageId,
    member: UserAddress,
    state: MessageState,
    now: float,
    reason: str = "",
) -> None:
    """Move a message forward with one member, and as a whole if this one was the last."""
    group = group_sends.group_of(tx, message_id, member)
    if group is None or not group_sends.set_state(tx, message_id, member, state, now, reason):
        return
    look_again(tx, group, message_id, now)


def look_again(tx: Transaction, group: GroupId, message_id: MessageId, now: float) -> None:
    """Set the state of a message as a whole by those with its members."""
    found = group_sends.states(tx, message_id)
    behind = [state for state in _ORDER if state in found]
    failed = MessageState.FAILED in found
    if not behind and not failed:
        return
    whole = behind[0] if behind else MessageState.FAILED
    reason = "some members did not get it within its time to live" if failed else ""
    conversation = UserAddress(group)
    if messages.set_state(tx, message_id, conversation, whole, reason):
        log_state(tx, message_id, conversation, whole, now, reason)

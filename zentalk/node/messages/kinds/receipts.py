"""Receipts: a recipient sees what we sent, or has looked at it."""

from __future__ import annotations

from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.states import move
from zentalk.store.history import chats, events, group_sends, outbox
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Read
from zentalk.wire.text import format_address


def confirm(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Take confirmed messages out of the outbox; nobody confirms a confirmation.

    One before which a later message was read already is read.
    """
    contact = incoming.sender.address
    done: list[int] = []
    for message_id in incoming.content.confirmed:
        done += outbox.remove_message(tx, contact, message_id)
        is_seen = chats.is_seen(tx, contact, message_id) or group_sends.is_seen(
            tx, message_id, contact
        )
        state = MessageState.READ if is_seen else MessageState.DELIVERED
        move(tx, message_id, contact, state, now)
    return KindResult(confirmed=tuple(done))


def read(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Note that one of our messages was looked at, and what was delivered before it.

    One event says so of all.
    """
    contact, body = incoming.sender.address, incoming.content.body
    assert isinstance(body, Read)
    seq = chats.seen_by(tx, contact, body.message_id)
    if seq is not None:
        data = {
            "conversation": format_address(contact),
            "by": format_address(contact),
            "id": body.message_id.hex(),
            "seq": seq,
        }
        events.append(tx, "conversation.seen", now, data)
    return KindResult(incoming.content.message_id)

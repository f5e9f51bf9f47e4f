"""From the node's objects to the dicts that become JSON; field by field, as REST promises."""

from __future__ import annotations

from typing import Any

from zentalk.node.status import MailboxStatus
from zentalk.store.history.models import Contact, Conversation, Event, Message
from zentalk.wire.devices import Device

Json = dict[str, Any]


def contact_view(contact: Contact) -> Json:
    """Return a contact."""
    return {
        "address": contact.address,
        "name": contact.name,
        "state": contact.state,
        "added_at": contact.added_at,
    }


def conversation_view(conversation: Conversation) -> Json:
    """Return a line of the conversation list."""
    return {
        "address": conversation.address,
        "name": conversation.name,
        "last_text": conversation.last_text,
        "last_at": conversation.last_at,
        "unread": conversation.unread,
    }


def message_view(message: Message) -> Json:
    """Return a message."""
    return {
        "id": message.id,
        "seq": message.seq,
        "conversation": message.conversation,
        "direction": message.direction,
        "kind": message.kind,
        "text": message.text,
        "state": message.state,
        "reason": message.reason,
        "sent_at": message.sent_at,
        "missing": message.missing,
    }


def device_view(device: Device) -> Json:
    """Return a device; its token's hash stays here."""
    return {"id": device.device_id.hex(), "name": device.name, "added_at": float(device.added_at)}


def mailbox_view(mailbox: MailboxStatus) -> Json:
    """Return a mailbox."""
    return {
        "id": mailbox.id,
        "relay": mailbox.relay,
        "current": mailbox.current,
        "collected": mailbox.collected,
        "since": mailbox.since,
        "until": mailbox.until,
    }


def event_view(event: Event) -> Json:
    """Return an event."""
    return {"seq": event.seq, "type": event.type, "at": event.at, "data": event.data}

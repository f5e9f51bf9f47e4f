"""A typed client of an API node's REST, for the command line, simulations and others' programs.

`Client` blocks, `AsyncClient` runs on trio; both make the same calls. It talks to the owner's
own node only, through no proxy, and never puts the token anywhere but into its header.
"""

from __future__ import annotations

from zentalk.client.async_client import AsyncClient
from zentalk.client.async_events import EventFeed, EventFollower
from zentalk.client.errors import AccessDeniedError, ApiError, InvalidRequestError
from zentalk.client.following import LogEndedError, NodeGoneError
from zentalk.client.sync_client import Client
from zentalk.client.typed_events import (
    ContactAccepted,
    ContactAdded,
    ContactBlocked,
    ContactRefused,
    ContactRemoved,
    ContactRenamed,
    ContactRequested,
    ContactUnblocked,
    ConversationDeleted,
    ConversationRead,
    DeviceAdded,
    DeviceRevoked,
    MessageCreated,
    MessageReceived,
    MessageStateChanged,
    NodeCopied,
    RatchetRenewed,
)
from zentalk.rest.contacts import Contact
from zentalk.rest.devices import Device, NewDevice
from zentalk.rest.events import Event, Events
from zentalk.rest.mailboxes import Mailbox
from zentalk.rest.messages import Conversation, Message
from zentalk.rest.node import Me
from zentalk.rest.webhooks import DeadLetter, NewWebhook, Webhook
from zentalk.store.history.models import ContactState, Direction, MessageState

__all__ = [
    "AccessDeniedError",
    "ApiError",
    "AsyncClient",
    "Client",
    "Contact",
    "ContactAccepted",
    "ContactAdded",
    "ContactBlocked",
    "ContactRefused",
    "ContactRemoved",
    "ContactRenamed",
    "ContactRequested",
    "ContactState",
    "ContactUnblocked",
    "Conversation",
    "ConversationDeleted",
    "ConversationRead",
    "DeadLetter",
    "Device",
    "DeviceAdded",
    "DeviceRevoked",
    "Direction",
    "Event",
    "EventFeed",
    "EventFollower",
    "Events",
    "InvalidRequestError",
    "LogEndedError",
    "Mailbox",
    "Me",
    "Message",
    "MessageCreated",
    "MessageReceived",
    "MessageState",
    "MessageStateChanged",
    "NewDevice",
    "NewWebhook",
    "NodeCopied",
    "NodeGoneError",
    "RatchetRenewed",
    "Webhook",
]

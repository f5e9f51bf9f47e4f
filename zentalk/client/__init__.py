"""A typed client of an API node's REST, for the command line, simulations and others' programs.

`Client` blocks, `AsyncClient` runs on trio; both make the same calls. It talks to the owner's
own node only, through no proxy, and never puts the token anywhere but into its header.
"""

from __future__ import annotations

from zentalk.client.async_client import AsyncClient, EventFeed
from zentalk.client.errors import AccessDeniedError, ApiError, InvalidRequestError
from zentalk.client.sync_client import Client
from zentalk.rest.contacts import Contact
from zentalk.rest.devices import Device, NewDevice
from zentalk.rest.events import Event
from zentalk.rest.mailboxes import Mailbox
from zentalk.rest.messages import Conversation, Message
from zentalk.rest.node import Me
from zentalk.store.history.models import ContactState, Direction, MessageState

__all__ = [
    "AccessDeniedError",
    "ApiError",
    "AsyncClient",
    "Client",
    "Contact",
    "ContactState",
    "Conversation",
    "Device",
    "Direction",
    "Event",
    "EventFeed",
    "InvalidRequestError",
    "Mailbox",
    "Me",
    "Message",
    "MessageState",
    "NewDevice",
]

"""A typed client of an API node's REST, for the command line, simulations and others' programs.

`Client` blocks, `AsyncClient` runs on trio; both make the same calls. It talks to the owner's
own node only, through no proxy, and never puts the token anywhere but into its header.
"""

from __future__ import annotations

from zentalk.client.async_client import AsyncClient, EventFeed
from zentalk.client.errors import AccessDeniedError, ApiError, InvalidRequestError
from zentalk.client.models import Contact, Conversation, Event, Mailbox, Me, Message
from zentalk.client.sync_client import Client

__all__ = [
    "AccessDeniedError",
    "ApiError",
    "AsyncClient",
    "Client",
    "Contact",
    "Conversation",
    "Event",
    "EventFeed",
    "InvalidRequestError",
    "Mailbox",
    "Me",
    "Message",
]

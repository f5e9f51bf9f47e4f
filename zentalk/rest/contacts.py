"""People: contacts, and requests that wait to be accepted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource
from zentalk.rest.limits import MAX_NAME_CHARS
from zentalk.store.history.models import ContactState

States = Literal[ContactState.CONTACT, ContactState.REQUEST]


class ContactIn(Body):
    """A person to add, or a request to accept."""

    address: str = Field(description="zt1 followed by 56 characters")
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class Contact(Resource):
    """A person: a contact, or a request that waits to be accepted."""

    address: str
    name: str
    state: States
    added_at: float


class Contacts(Resource):
    """All contacts and requests."""

    contacts: list[Contact]

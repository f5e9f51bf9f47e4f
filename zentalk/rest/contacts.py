"""People: contacts, requests that wait to be accepted, and who was refused or blocked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource
from zentalk.rest.limits import MAX_NAME_CHARS
from zentalk.store.history.models import ContactState

States = Literal[
    ContactState.CONTACT, ContactState.REQUEST, ContactState.REFUSED, ContactState.BLOCKED
]


class ContactIn(Body):
    """A person to add, or a request to accept."""

    address: str = Field(description="zt1 followed by 56 characters")
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class Contact(Resource):
    """A person in the list."""

    address: str
    name: str
    state: States
    added_at: float


class Contacts(Resource):
    """Everybody in the list."""

    contacts: list[Contact]

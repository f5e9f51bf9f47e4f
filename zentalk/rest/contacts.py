"""People: contacts, requests that wait to be accepted, and who was refused or blocked."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from zentalk.rest.addresses import LinkText
from zentalk.rest.base import Body, Resource
from zentalk.rest.limits import MAX_NAME_CHARS
from zentalk.store.history.models import ContactState, StoredContact

States = Literal[
    ContactState.CONTACT, ContactState.REQUEST, ContactState.REFUSED, ContactState.BLOCKED
]


Name = Annotated[str, Field(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")]


ShownNameText = Annotated[
    str,
    Field(
        description="The name, its directions of text closed; with a piece of the address if the "
        "name of somebody else whom you know looks like it. Empty if nothing is to be seen of it; "
        "events have the name alone."
    ),
]
LooksLike = Annotated[
    str, Field(description="The address of that other person or group, or empty.")
]


class ContactIn(Body):
    """A person to add, or a request to accept."""

    address: LinkText = Field(
        description="zt1 followed by 56 characters, or an invite link: zentalk:zt1...#..."
    )
    name: Name = ""


class Contact(Resource):
    """A person in the list."""

    address: str
    name: str
    state: States
    added_at: float
    invite: str = Field("", description="The id of the invite by which they came, if by one.")
    introduced_by: str = Field("", description="The address of who introduced them, if anybody.")
    verified: bool = Field(
        False, description="You have compared the safety number, and nothing has changed since."
    )
    verified_at: float | None = None
    warning: str = Field("", description="What to look at before you trust them, as a sentence.")


class ListedContact(Contact):
    """A person in the list, with the name to show: kept apart from names that look like it."""

    shown_name: str = Field(
        description="The name, its directions of text closed; with a piece of the address if an "
        "earlier person's name looks like it. Empty if there is nothing to see of it."
    )
    looks_like: str = Field(
        description="The address of the earlier person whose name looks like this one."
    )

    @classmethod
    def of(cls, person: StoredContact, shown_name: str, looks_like: str) -> Self:
        """Return a person under the name to show."""
        contact = Contact.model_validate(person)
        return cls(**contact.model_dump(), shown_name=shown_name, looks_like=looks_like)


class Contacts(Resource):
    """Everybody in the list."""

    contacts: list[ListedContact]

"""Introductions: contacts who are told of each other, and people whom contacts have introduced."""

from __future__ import annotations

from pydantic import Field

from zentalk.rest.addresses import AddressText
from zentalk.rest.base import Body, Resource
from zentalk.rest.contacts import Name


class IntroduceIn(Body):
    """To whom a contact is introduced, and under which names."""

    to: AddressText = Field(description="The address of another contact.")
    name: Name = Field(
        "", description="What the other is told as the name of the contact: at most 256 bytes."
    )
    to_name: Name = Field(
        "", description="What the contact is told as the name of the other: at most 256 bytes."
    )


class IntroducedPerson(Resource):
    """Somebody whom a contact has introduced, and who is no contact yet."""

    address: str
    name: str = Field(description="What the contact who introduced them calls them.")
    shown_name: str = Field(
        description="That name as it is to be shown: see the contacts. Empty if there is none."
    )
    looks_like: str = Field(
        description="The address of a person in the list whose name looks like it, or empty."
    )
    introduced_by: str
    at: float


class IntroducedPeople(Resource):
    """Who was introduced and is no contact yet, oldest first."""

    introductions: list[IntroducedPerson]

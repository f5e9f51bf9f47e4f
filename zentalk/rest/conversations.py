"""What is done in conversations: bodies of requests, and what is answered beside messages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zentalk.rest.addresses import AddressText
from zentalk.rest.base import BASE64, WHOLE, Body, Resource
from zentalk.rest.contacts import LooksLike, ShownNameText
from zentalk.rest.messages import Conversation, Message, Messages

Bounded = Annotated[str, Field(max_length=65_536)]


class EditIn(Body):
    """Other words for a text of your own; at most 65,536 bytes as UTF-8."""

    text: Annotated[str, Field(min_length=1)]


class ReactionIn(Body):
    """One emoji; an empty one takes the reaction back."""

    emoji: Annotated[str, Field(max_length=64)]


class VoteIn(Body):
    """The options of a poll that you choose, by their places from 0; none takes the vote back."""

    options: Annotated[list[Annotated[int, WHOLE]], Field(max_length=12)]


class TimerIn(Body):
    """Messages disappear so many seconds after they were read, at both sides; 0 ends that."""

    seconds: Annotated[int, Field(ge=0, json_schema_extra={"maximum": 366 * 86_400}), WHOLE]


class MuteIn(Body):
    """Until when a conversation is muted, in unix seconds; 0 ends it."""

    until: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class DraftIn(Body):
    """What is half written; an empty text drops it."""

    text: Bounded


class TypingIn(Body):
    """Whether you are writing; others forget it after 5 seconds."""

    typing: bool


class PresenceIn(Body):
    """The chats that this device shows now, at most 8; say it again every 30 seconds.

    None: nobody looks at this device any more.
    """

    chats: Annotated[list[AddressText], Field(max_length=8)]


class ForwardIn(Body):
    """The message to forward: its conversation and id."""

    conversation: AddressText
    id: str


class OwnPrivacy(Resource):
    """What others are told of you beside messages."""

    read_receipts: bool
    typing: bool
    presence: bool


class PrivacyIn(Body):
    """What others are to be told of you; what is left out stays as it is."""

    read_receipts: bool | None = None
    typing: bool | None = None
    presence: bool | None = None


class ShownProfile(Resource):
    """How somebody is shown to contacts; version 0 if that was never said."""

    address: str
    version: int
    name: str
    shown_name: ShownNameText = ""
    looks_like: LooksLike = ""
    status: str
    avatar: str = Field(description="A small picture in base64; empty if there is none.")


class ProfileIn(Body):
    """How you want to be shown to contacts."""

    name: Annotated[str, Field(max_length=256, description="At most 256 bytes.")]
    status: Annotated[str, Field(max_length=512, description="At most 512 bytes.")] = ""
    avatar: Annotated[
        str,
        Field(max_length=33_000, description="base64, at most 24 KiB", json_schema_extra=BASE64),
    ] = ""


class OpenConversation(Conversation):
    """One conversation, with what only an open chat shows."""

    typing: bool
    present: bool
    pinned: list[Message]


class PresenceNow(Resource):
    """Who is writing to you and who is there, as far as they let you know; `number` counts changes.

    Ask again with `after=` that number to wait for the next change.
    """

    number: int
    typing: list[str]
    present: list[str]


class FoundName(Resource):
    """A contact or group whose name has the words of a search."""

    address: str
    name: str = Field(description="Your name for them, else the one of their profile.")
    shown_name: ShownNameText = ""
    looks_like: LooksLike = ""
    group: bool = Field(description="Whether it is a group, whose id is the address.")


class SearchResults(Messages):
    """Messages with all the words, newest first, and who is called so."""

    names: list[FoundName] = Field(
        [], description="At most 20; none in one conversation, or with `before`."
    )

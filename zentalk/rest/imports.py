"""What is imported: messages as an export has them, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from zentalk.chat.portable import LATEST_SECONDS
from zentalk.rest.base import Body, Resource
from zentalk.rest.messages import Directions, MessageReaction, MessageRef, MessageVote, States

MAX_IMPORTED = 250
"""Messages of one request."""
Seconds = Annotated[float, Field(ge=0, lt=LATEST_SECONDS, allow_inf_nan=False)]


class ImportedMessage(Body):
    """A message as it was exported; fields that are not named here are passed over."""

    model_config = ConfigDict(extra="ignore", strict=False)

    id: Annotated[str, Field(max_length=32)]
    author: Annotated[str, Field(max_length=100)] = ""
    direction: Directions
    kind: Annotated[str, Field(max_length=32)]
    text: Annotated[str, Field(max_length=65_536)]
    state: States
    reason: Annotated[str, Field(max_length=256)] = ""
    sent_at: Seconds
    missing: Annotated[int, Field(ge=0, lt=2**31)] = 0
    body: dict[str, Any] | None = None
    reply_to: MessageRef | None = None
    forwarded: bool = False
    mentions: list[str] = []
    edited: bool = False
    deleted: bool = False
    pinned: bool = False
    starred: bool = False
    expires_at: Seconds | None = None
    timer_seconds: Annotated[int, Field(ge=0, lt=2**31)] = 0
    reactions: list[MessageReaction] = []
    votes: list[MessageVote] = []
    shared_by: Annotated[str, Field(max_length=256)] = ""


class ImportIn(Body):
    """Some messages of one conversation of an export, in their order, and whose it is.

    `after` is what the answer for the ones before them had.
    """

    name: Annotated[str, Field(max_length=256)] = ""
    state: Literal["contact", "blocked"] = "contact"
    after: Annotated[int | None, Field(ge=-(2**53), lt=0)] = None
    messages: Annotated[list[ImportedMessage], Field(max_length=MAX_IMPORTED)]


class ImportOut(Resource):
    """What became of them. `after` belongs in the request with those that follow."""

    contact_added: bool = Field(description="Whether the person is new here.")
    added: int
    known: int = Field(description="Messages that were here already, and stay as they are here.")
    expired: int = Field(description="Messages that have disappeared meanwhile, and were left out.")
    after: int | None

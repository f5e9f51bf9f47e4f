"""Conversations and their messages. Times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource
from zentalk.store.history.models import Direction, MessageState

# Literals, so that the OpenAPI document lists the words in place; a test holds them against
# the enums.
Directions = Literal[Direction.IN, Direction.OUT]
States = Literal[
    MessageState.QUEUED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.FAILED,
    MessageState.RECEIVED,
]


class MessageIn(Body):
    """A text to send; at most 65,536 bytes as UTF-8."""

    text: Annotated[str, Field(min_length=1)]


class Message(Resource):
    """A message; `id` is the same at both ends, `seq` is this node's own numbering."""

    id: str
    seq: int
    conversation: str
    direction: Directions
    kind: str
    text: str
    state: States
    reason: str
    sent_at: float
    missing: int = Field(
        description="How many messages its sender wrote just before it and had not come then."
    )


class Messages(Resource):
    """A page of a conversation, newest last; ask for `before=` the first `seq` to go back."""

    messages: list[Message]


class Conversation(Resource):
    """One line of the conversation list."""

    address: str
    name: str
    last_text: str
    last_at: float
    unread: int


class Conversations(Resource):
    """All conversations, the latest first."""

    conversations: list[Conversation]

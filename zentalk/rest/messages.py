"""Conversations and their messages. Times are unix seconds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from zentalk.rest.base import Resource
from zentalk.rest.contacts import LooksLike, ShownNameText
from zentalk.store.history.models import Direction, MessageState

# Literals, so that the OpenAPI document lists the words in place; a test holds them against
# the enums.
Directions = Literal[Direction.IN, Direction.OUT]
States = Literal[
    MessageState.PENDING,
    MessageState.QUEUED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.READ,
    MessageState.FAILED,
    MessageState.RECEIVED,
]

OwnRoles = Literal["", "admin", "member", "subscriber"]


class MessageRef(Resource):
    """A message by its author's address and its id; an id alone may name several."""

    author: str
    id: str


class MessageReaction(Resource):
    """Who reacted to a message, and how."""

    author: str
    emoji: str


class MessageVote(Resource):
    """Who chose which options of a poll, by their places from 0."""

    author: str
    options: list[int]


class Message(Resource):
    """A message; `id` is the same at both ends, `seq` is this node's own numbering.

    `text` is as edited; for a kind with a `body` it is a line that stands for it. Of a message
    that was taken back nothing is left but its place. A kind that this version does not know is
    shown by the text that its sender gave for that.
    """

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
    author: str = ""
    body: dict[str, Any] | None = Field(
        None,
        description="What a poll, contact, sticker or location carries; a contact also has its "
        "`shown_name` and `looks_like`.",
    )
    reply_to: MessageRef | None = None
    forwarded: bool = False
    mentions: list[str] = []
    edited: bool = False
    deleted: bool = False
    pinned: bool = False
    starred: bool = False
    expires_at: float | None = Field(None, description="When it disappears; none if it stays.")
    timer_seconds: int = Field(0, description="How long after it was read; 0: it stays.")
    reactions: list[MessageReaction] = []
    votes: list[MessageVote] = []
    shared_by: str = Field(
        "", description="The admin of a group who says that it was so; empty if its author sent it."
    )


class Messages(Resource):
    """Some messages, in the order that the route says."""

    messages: list[Message]


class MessagesPage(Messages):
    """A page of a conversation, newest last, and the pages beside it."""

    older: str = Field(
        description="The `cursor` of the page before it; one without messages is the end. Empty in "
        "a conversation without messages."
    )
    newer: str = Field(description="The `cursor` of what came, or will come, after it.")


class Conversation(Resource):
    """One line of the conversation list."""

    address: str
    name: str
    shown_name: ShownNameText = ""
    looks_like: LooksLike = ""
    last_text: str = Field(description="The beginning of what was said last, 256 characters.")
    last_at: float
    unread: int
    muted_until: float = Field(0.0, description="Unix seconds; 0 if it is not muted.")
    timer_seconds: int = Field(0, description="Messages disappear so long after they were read.")
    draft: str = Field("", description="What is half written, the same at all devices.")
    group: bool = Field(False, description="Whether it is a group's, whose id is the address.")
    role: OwnRoles = Field("", description="What you are in the group; empty if nothing.")


class Conversations(Resource):
    """All conversations, the latest first."""

    conversations: list[Conversation]

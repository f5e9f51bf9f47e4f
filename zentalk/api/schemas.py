"""What goes in and out of REST, as the OpenAPI document shows it.

Only what comes in is validated by these at run time; answers are plain dicts of
`zentalk.api.views`, and a test holds them against the models here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zentalk.api.limits import MAX_NAME_CHARS

State = Literal["queued", "sent", "delivered", "failed", "received"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ContactIn(_In):
    """A person to add, or a request to accept."""

    address: str = Field(description="zt1 followed by 56 characters")
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class MessageIn(_In):
    """A text to send; at most 65,536 bytes as UTF-8."""

    text: Annotated[str, Field(min_length=1)]


class DeviceIn(_In):
    """A device to admit."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class MoveIn(_In):
    """The mailbox to leave; without an id, all of them."""

    id: Annotated[str | None, Field(max_length=64)] = None


class Health(BaseModel):
    """The program runs."""

    status: Literal["ok"]


class Me(BaseModel):
    """The owner of the node."""

    address: str
    name: str


class Device(BaseModel):
    """A device that may use this node."""

    id: str
    name: str
    added_at: float


class NewDevice(Device):
    """A device that was just admitted, with its token: it is shown this once."""

    token: str


class Devices(BaseModel):
    """All devices besides the owner's token."""

    devices: list[Device]


class Mailbox(BaseModel):
    """A place where others leave mail for the owner, or one that was left and is polled."""

    id: str
    relay: str
    current: bool
    collected: bool
    since: float
    until: float | None


class Mailboxes(BaseModel):
    """The owner's mailboxes."""

    mailboxes: list[Mailbox]


class Contact(BaseModel):
    """A person: a contact, or a request that waits to be accepted."""

    address: str
    name: str
    state: Literal["contact", "request"]
    added_at: float


class Conversation(BaseModel):
    """One line of the conversation list."""

    address: str
    name: str
    last_text: str
    last_at: float
    unread: int


class Message(BaseModel):
    """A message; `id` is the same at both ends, `seq` is this node's own numbering."""

    id: str
    seq: int
    conversation: str
    direction: Literal["in", "out"]
    kind: str
    text: str
    state: State
    reason: str
    sent_at: float
    missing: int = Field(
        description="How many messages its sender wrote just before it and had not come then."
    )


class Event(BaseModel):
    """One line of the event log."""

    seq: int
    type: str
    at: float
    data: dict[str, Any]


class Contacts(BaseModel):
    """All contacts and requests."""

    contacts: list[Contact]


class Conversations(BaseModel):
    """All conversations, the latest first."""

    conversations: list[Conversation]


class Messages(BaseModel):
    """A page of a conversation, newest last; ask for `before=` the first `seq` to go back."""

    messages: list[Message]


class Events(BaseModel):
    """A page of the event log, oldest first; ask for `after=` the last `seq` to go on."""

    events: list[Event]


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str

"""What the client returns: frozen objects with the fields of REST."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from zentalk.client.errors import ApiError


@dataclass(frozen=True, slots=True)
class Me:
    """The owner of the node."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person; `state` is `contact`, or `request` until accepted."""

    address: str
    name: str
    state: str
    added_at: float


@dataclass(frozen=True, slots=True)
class Device:
    """A device that may use the node; `added_at` is unix time in seconds."""

    id: str
    name: str
    added_at: float


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that was just admitted; nobody can read its `token` again."""

    id: str
    name: str
    added_at: float
    token: str

    def __repr__(self) -> str:
        return f"<new device {self.id}>"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where others leave mail: the URI of its relay, empty while that is not known.

    One that is not `current` was left and is polled `until` then; `collected`: connected
    now. Times are unix seconds.
    """

    id: str
    relay: str
    current: bool
    collected: bool
    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line of the conversation list."""

    address: str
    name: str
    last_text: str
    last_at: float
    unread: int


@dataclass(frozen=True, slots=True)
class Message:
    """A line of a conversation; `direction` is `in` or `out`, `sent_at` unix seconds.

    `kind` is `text`, or `ratchet-renewed` for a line that nobody wrote.
    """

    id: str
    seq: int
    conversation: str
    direction: str
    kind: str
    text: str
    state: str
    reason: str
    sent_at: float


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log; `seq` is where to go on after."""

    seq: int
    type: str
    at: float
    data: dict[str, Any]


_T = TypeVar("_T", Me, Contact, Device, NewDevice, Mailbox, Conversation, Message, Event)


def from_json(kind: type[_T], value: Any) -> _T:
    """Make an object of a JSON one; fields that this version does not know are left out.

    Raises ApiError if one is missing: what answered is not an API node of this version.
    """
    try:
        return kind(**{field.name: value[field.name] for field in fields(kind)})
    except (KeyError, TypeError):
        raise ApiError(200, f"the answer holds no {kind.__name__.lower()}") from None

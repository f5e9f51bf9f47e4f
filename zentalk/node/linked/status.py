"""What the owner is told of linked nodes. Times are unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Role = Literal["alone", "first", "replica", "outdone"]

OUTDONE: Final = (
    "this node was replaced: another node of yours has been promoted, so this one collects, sends"
    " and publishes nothing any more. Make it the replica of the other: run zentalk api link there,"
    " and here zentalk api follow CODE"
)
UNCONFIRMED: Final = (
    "the replica has not been heard for an hour: with `sync = strict`, senders see their messages"
    " as not delivered until it has them. Start it, or unlink it"
)


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link, or a code that waits for its node until `expires_at`.

    `behind` counts the changes that the other node has not said to have.
    """

    id: str
    state: Literal["waiting", "linked"]
    created_at: float
    expires_at: float | None
    linked_at: float | None
    heard_at: float | None
    behind: int


@dataclass(frozen=True, slots=True)
class LinksView:
    """What this node is among the owner's nodes, and what is under way between them."""

    role: Role
    term: int
    recovery: bool
    """Whether the identity lies at the replica under a recovery phrase, or will."""
    strict: bool
    pending: int
    """What was written here, at a replica, and the first has not placed yet."""
    unconfirmed: int
    """Messages that are confirmed once the replica has them."""
    note: str
    links: tuple[LinkView, ...]


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A code that makes one other node the replica, until then."""

    id: str
    code: str = field(repr=False)
    expires_at: float

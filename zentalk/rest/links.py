"""Linked nodes: what this node is among the owner's nodes. Times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource


class RecoveryIn(Body):
    """The owner's identity, sealed under a recovery phrase where the phrase was made."""

    sealed: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{226}$",
            description="113 bytes in hexadecimal digits; the phrase itself is never sent",
        ),
    ]


class LinkedNode(Resource):
    """The link to the owner's other node, or a code that waits for one until `expires_at`."""

    id: str
    state: Literal["waiting", "linked"]
    created_at: float
    expires_at: float | None
    linked_at: float | None
    heard_at: float | None = Field(description="when the other node was heard last")
    behind: int = Field(description="changes that the other node has not said to have")


class LinkedNodes(Resource):
    """What this node is among the owner's nodes, and what is under way between them."""

    role: Literal["alone", "first", "replica", "outdone"] = Field(
        description="`outdone`: another node of yours was promoted, and this one is silent"
    )
    term: int = Field(description="how often a node of yours was promoted, as this one knows it")
    recovery: bool = Field(
        description="whether there is a recovery phrase, without which no replica can be promoted"
    )
    strict: bool = Field(
        description="whether senders learn of a delivery only once the replica has the message"
    )
    pending: int = Field(
        description="what was written here, at a replica, and the first has not placed yet"
    )
    unconfirmed: int = Field(description="messages that are confirmed once the replica has them")
    note: str = Field(description="what is wrong and what to do; empty if nothing is")
    links: list[LinkedNode]


class NewLink(Resource):
    """A code for one other node; it is shown once, and whoever has it first gets the history."""

    id: str
    code: str = Field(repr=False)
    expires_at: float

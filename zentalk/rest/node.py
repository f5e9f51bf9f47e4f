"""The node itself: that it runs, whose it is, and how it sees the network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zentalk.rest.base import Resource


class Health(Resource):
    """The program runs."""

    status: Literal["ok"]


class Me(Resource):
    """The owner of the node."""

    address: str
    name: str


class LossyRelayRow(Resource):
    """A relay (its URI) that lost `lost` of the last `packets` packets: more than chance does."""

    relay: str
    role: Literal["guard", "middle", "mailbox"]
    lost: int
    packets: int


class NetworkReport(Resource):
    """How the node sees the network."""

    ready: bool = Field(description="Connected, a mailbox registered, the user record published.")
    relays_known: int
    guards_connected: int
    mailboxes: int
    tunnels: Literal["full", "short", "none"] = Field(
        description="`short` in networks of three to five relays, where packets have one hop less."
    )
    notes: list[str] = Field(description="Warnings, each a sentence.")
    entries: list[str] = Field(
        description="The URIs of connected entry relays, as they were dialled."
    )
    unit_sizes: list[int] = Field(description="All sizes of units on this node's links, in bytes.")
    profile: str
    lossy_relays: list[LossyRelayRow]

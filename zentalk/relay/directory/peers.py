"""What the directory needs of links, and nothing more; the relay's links satisfy it.

Keeping the seam this narrow lets a whole directory run in tests without a handshake.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.text import RelayUri


class PeerFacts(Protocol):
    """Who is at the other end of a link, proved by its handshake; None for a client."""

    @property
    def node_id(self) -> NodeId | None:
        """The relay's id."""

    @property
    def descriptor(self) -> Descriptor | None:
        """The descriptor it showed, verified."""


class Neighbour(Protocol):
    """A link on which to ask and tell."""

    @property
    def peer(self) -> PeerFacts:
        """The other end."""

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Ask, and return the answer's body; raises TransportError."""
        ...

    def notify(self, body: bytes) -> None:
        """Tell, without an answer; raises LinkClosedError."""


class PeerLinks(Protocol):
    """The relay's links to others."""

    async def get(self, node_id: NodeId) -> Neighbour:
        """Return a link to a relay, dialling if there is none; raises ZentalkError."""
        ...

    async def dial(self, uri: RelayUri) -> Neighbour:
        """Return a link to the relay at a URI; raises ZentalkError."""
        ...

    def connected(self) -> Sequence[Neighbour]:
        """Return the links to relays that are open now."""
        ...

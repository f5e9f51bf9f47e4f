"""The directory's view of links to peers, and how much news each peer may bring.

Spec: docs/spec/directory.md section 4. The protocols name what the directory needs of links and
nothing more, so that a whole directory runs in tests without a handshake.

Peers can make this relay verify descriptors and proofs without being asked. News that was seen
before costs nothing and is not counted. The limits are those of sources, not of links, so that
whoever connects again has no more (K54). Clients hide behind guards and cannot be told apart, so
beside a limit for each source there is one for all clients together. Excess is dropped and counted;
the link stays, as an honest peer may have much to tell, and comparing snapshots makes up for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from zentalk.directory.allowance import Allowance, Allowances
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.text import RelayUri

RELAY_BURST: Final = 10_000
"""A whole network's set: what a relay may have to tell another after a partition."""
RELAY_PER_SECOND: Final = 100
CLIENT_BURST: Final = 512
CLIENT_PER_SECOND: Final = 4
CLIENTS_BURST: Final = 4096
CLIENTS_PER_SECOND: Final = 64
"""All clients together: verifying so many takes about half a percent of a core."""


class PeerFacts(Protocol):
    """The peer at the other end of a link, proved by its handshake; None for a client."""

    @property
    def node_id(self) -> NodeId | None:
        """The relay's id."""

    @property
    def descriptor(self) -> Descriptor | None:
        """The descriptor it showed, verified."""


class Neighbour(Protocol):
    """A link to a peer."""

    @property
    def peer(self) -> PeerFacts:
        """The other end."""

    @property
    def origin(self) -> Hashable:
        """The origin: an address, a neighbour that brings it, or the relay we dialled."""

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        """Send a request, and return the response; raises TransportError."""
        ...

    def notify(self, body: bytes) -> None:
        """Send a notification; raises LinkClosedError."""


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


class NewsLimits:
    """Allowances of the places that links come from, and of all clients together.

    A place where a relay is and one where clients are have different ones. What a peer says that it
    is does not make a place: identities cost next to nothing, addresses do.
    """

    def __init__(self, now: float) -> None:
        self._relays = Allowances(RELAY_BURST, RELAY_PER_SECOND)
        self._sources = Allowances(CLIENT_BURST, CLIENT_PER_SECOND)
        self._clients = Allowance(CLIENTS_BURST, CLIENTS_PER_SECOND, now)
        self.dropped = 0
        """Descriptors and proofs that nobody looked at."""

    def admits(self, link: Neighbour, now: float, units: int = 1) -> bool:
        """Say whether something new that came over a link is to be verified."""
        if link.peer.node_id is not None:
            admitted = self._relays.take(link.origin, now, units)
        else:
            admitted = self._sources.take(link.origin, now, units)
            admitted = admitted and self._clients.take(now, units)
        self.dropped += 0 if admitted else units
        return admitted

"""What finds a path to somebody: the edge of this package, which knows UDP and QUIC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.direct.places import Subnet
from zentalk.net.datagrams import Datagrams
from zentalk.net.multicast import LocalGroup
from zentalk.net.transport import ByteStream
from zentalk.wire.direct import DirectOffer

Use: TypeAlias = Callable[[ByteStream], Awaitable[bool]]


class OwnOffer(NamedTuple):
    """An offer of ours, and the key of its `direct_key`."""

    offer: DirectOffer
    key: SigningKey
    subnets: tuple[Subnet, ...] = ()
    """Those of our own addresses, in which a contact may name places."""

    def __repr__(self) -> str:
        return "<own offer>"


class Ways(Protocol):
    """Finds paths over one port of this machine."""

    async def offer(self, session: bytes) -> OwnOffer:
        """Return where this node may be reached, for one session; raises UnavailableError."""
        ...

    async def meet(self, own: OwnOffer, theirs: DirectOffer, use: Use) -> bool:
        """Run `use` over a stream to whoever made the other offer, or knows it; return its result.

        Who that is, the link's handshake proves. Raises UnavailableError with the reason, as a
        sentence, if there is no way.
        """
        ...

    async def run(self) -> None:
        """Hold the port, from the first offer on, until cancelled."""
        ...

    async def beside(self) -> Datagrams:
        """Return the port, opened, for offers of the local network; raises UnavailableError."""
        ...

    async def join_lan(self) -> Sequence[LocalGroup]:
        """Return the groups of the local networks, joined; raises OSError."""
        ...


class DirectSession(NamedTuple):
    """Both offers of one session: what the two sides know and nobody else does."""

    own: OwnOffer
    theirs: DirectOffer

    @property
    def is_client(self) -> bool:
        """Whether this side opens the link: the one with the smaller direct key."""
        return self.own.offer.direct_key < self.theirs.direct_key

    @property
    def network(self) -> str:
        """The network id of the link: who does not know both secrets has another prologue."""
        sides = sorted((side.direct_key, side.secret) for side in (self.own.offer, self.theirs))
        known = b"".join(key + secret for key, secret in sides)
        return "direct-" + blake2b_256(Label.DIRECT_LINK, self.theirs.session, known).hex()

"""What strangers have of a network: hosts of their own, and where its relays are.

No more than anybody has. Programs that attack (the modules beside this one) run on it, in tests of
relays and in whole networks alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import trio

from zentalk.link.hello import ClientCredentials, Credentials
from zentalk.link.keepalive import DEAD_SECONDS, Keepalive
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.tunnel import open_tunnel
from zentalk.wire.text import RelayUri

SELDOM_SECONDS = DEAD_SECONDS - 10
"""A link that is only held costs its holder the fewest pings with which a relay keeps it."""
TOGETHER_SECONDS = 5.0


class RoundedKeepalive(Keepalive):
    """The keepalive of whoever opened a link, with a time of its own until it pings.

    It is rounded up to a time at which many ping: what happens at one moment costs a network in
    virtual time less than what happens one after the other.
    """

    __slots__ = ("_seconds",)

    def __init__(self, now: float, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(now, pings=True, always=True)

    def heard(self, now: float) -> None:
        super().heard(now)
        self._ping_at = ceil((now + self._seconds) / TOGETHER_SECONDS) * TOGETHER_SECONDS


@dataclass(frozen=True)
class Ground:
    """A network as seen from outside; `relays` are its relays' addresses by name."""

    memory: MemoryNetwork
    network_id: str
    runtime: Runtime
    nursery: trio.Nursery
    relays: Mapping[str, RelayUri]
    spares_pings: bool = False
    """Whether its links ping as seldom as a relay lets them."""

    async def client(
        self, host: str, relay: str, handlers: Any = None, hello: Credentials | None = None
    ) -> Connection:
        """Connect a host to a relay: as a client, or as whom `hello` names."""
        uri = self.relays[relay]
        link = await connect(
            await self.memory.host(host).dial(uri.host, uri.port),
            network=self.network_id,
            relay_identity=uri.identity,
            hello=hello,
            handlers=handlers or NoHandlers(),
            runtime=self.runtime.for_part(host),
            nursery=self.nursery,
        )
        return link if hello else self._held(link)

    async def tunnel(
        self,
        link: Connection,
        hops: Sequence[str],
        handlers: Any = None,
        hello: ClientCredentials | None = None,
    ) -> Connection:
        """Open a tunnel over a client's link, at whose end `hello` is shown."""
        end = await open_tunnel(
            link,
            [self.relays[name] for name in hops],
            network=self.network_id,
            handlers=handlers or NoHandlers(),
            runtime=self.runtime.for_part("tunnel" + "".join(hops)),
            nursery=self.nursery,
            hello=hello,
        )
        return self._held(end)

    def _held(self, link: Connection) -> Connection:
        if self.spares_pings:
            now = self.runtime.monotonic()
            link._pump._keepalive = RoundedKeepalive(now, SELDOM_SECONDS)
        return link


def ipv4_addresses(count: int) -> list[str]:
    """Return addresses in ten /16, each in a /24 of its own."""
    return [f"{60 + n % 10}.7.{n // 10}.9" for n in range(count)]


def ipv6_addresses(count: int) -> list[str]:
    """Return addresses of one /48."""
    return [f"2a01:4f8:77:{n:x}::1" for n in range(count)]

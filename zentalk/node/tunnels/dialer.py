"""Links from here to a relay, as an anonymous client: for guards, and bootstraps at first.

It remembers the sizes of all units that these links ever carried: a watcher of the
line must see one size per packet class. What cannot be reached is named in the log
(`relay_not_reached`). Nothing else may dial.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import trio

from zentalk.config.settings import ApiSettings, Way
from zentalk.errors import REQUEST_FAULTS, ConnectFailedError
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.dialling import RelayDialler
from zentalk.net.own_addresses import FromAddress, until_moved
from zentalk.net.reached import LastReached
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect
from zentalk.net.transport import Network
from zentalk.net.tunnel import open_tunnel
from zentalk.net.ways.proxy import proxied
from zentalk.net.ways.websocket import open_websocket
from zentalk.node.relays.access import RelayAccess
from zentalk.node.relays.troubles import Troubles, reason_of
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.text import RelayUri, Scheme

_SCHEMES: Final[dict[Way, frozenset[Scheme]]] = {
    "any": frozenset(Scheme),
    "tcp": frozenset({Scheme.TCP}),
    "websocket": frozenset({Scheme.WS, Scheme.WSS}),
}
_NO_WAY: Final = (
    "`reach_relays_by` allows none of its addresses; name one that it allows, or set `any`"
)

_CLOSED: Final = "it has refused this node lately, and is tried again within the hour"


def dialer_of(settings: ApiSettings, runtime: Runtime, network: Network) -> Dialer:
    """Return what dials as a node's settings say, through its proxy if there is one."""
    network = proxied(network, settings.proxy)
    access = RelayAccess(runtime.monotonic, settings.access_tokens)
    relays = RelayDialler(
        network, public_only=not settings.private_addresses, by_name=bool(settings.proxy)
    )
    return Dialer(settings.network, runtime, relays, settings.reach_relays_by, access)


class Dialer:
    """Dials relays of one network (`network_id`) through a dialler, by TCP or by WebSockets."""

    def __init__(
        self,
        network_id: str,
        runtime: Runtime,
        network: RelayDialler,
        way: Way = "any",
        access: RelayAccess | None = None,
    ) -> None:
        self.access = access or RelayAccess(runtime.monotonic)
        """Which relays let us in, and the tokens that open some."""
        self._network_id = network_id
        self._runtime = runtime
        self._network = network
        self._schemes = _SCHEMES[way]
        self._links: set[Connection] = set()
        self._sizes: set[int] = set()
        self._reached = LastReached()
        self._troubles = Troubles("relay_not_reached")
        self.trouble = ""
        """Why no link came of the last dial, as its owner reads it; empty if one did."""

    async def dial(self, uris: Sequence[RelayUri], nursery: trio.Nursery) -> Connection:
        """Return a link to a relay at the first of its addresses that answers as that relay.

        Its tasks run in `nursery`. Raises TransportError or HandshakeError if none does.
        """
        usable = self._reached.in_order(self.usable(uris))
        if not usable:
            closed = node_id_of(uris[0].identity) in self.access.no_entry()
            error = ConnectFailedError(uris[0].place, _CLOSED if closed else _NO_WAY)
            self._failed(uris[0], error)
            raise error
        return await self._dial_first(usable, nursery)

    def usable(self, uris: Sequence[RelayUri]) -> tuple[RelayUri, ...]:
        """Return those of relays' addresses that may be dialled, none of one that refuses us."""
        usable = tuple(uri for uri in uris if uri.scheme in self._schemes)
        closed = self.access.no_entry()
        if not closed:
            return usable
        return tuple(uri for uri in usable if node_id_of(uri.identity) not in closed)

    def reached(self, identity: bytes) -> RelayUri | None:
        """Return where a relay was reached last, None if it was not."""
        return self._reached.last(identity)

    async def _dial_first(self, uris: Sequence[RelayUri], nursery: trio.Nursery) -> Connection:
        for uri in uris[:-1]:
            with suppress(*REQUEST_FAULTS):
                return await self._dial(uri, nursery)
        return await self._dial(uris[-1], nursery)

    async def _dial(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        try:
            link = await self._link(uri, nursery)
        except REQUEST_FAULTS as error:
            self._failed(uri, error)
            raise
        self.trouble = ""
        self._troubles.works(uri.place)
        self._reached.answered(uri)
        self._links.add(link)
        nursery.start_soon(self._forget, link, uri)
        return link

    def _failed(self, uri: RelayUri, error: Exception) -> None:
        """Tell the owner where no link came of a dial, and why."""
        reason = reason_of(error)
        self.trouble = f"cannot connect to {uri.place}: {reason}"
        self._troubles.failed(uri.place, reason)

    async def _link(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        stream = line = await self._network.dial(uri.host, uri.port)
        if uri.scheme is not Scheme.TCP:
            stream = await open_websocket(stream, uri)
        link = await connect(
            stream,
            network=self._network_id,
            relay_identity=uri.identity,
            hello=self.access.entry_token(node_id_of(uri.identity)),
            handlers=NoHandlers(),
            runtime=self._runtime,
            nursery=nursery,
        )
        if isinstance(line, FromAddress):
            nursery.start_soon(_leave_when_moved, link, line)
        return link

    async def extend(self, link: Connection, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        """Return a tunnel over a link to another relay.

        Raises TransportError, RefusedError or HandshakeError.
        """
        return await open_tunnel(
            link,
            [uri],
            network=self._network_id,
            handlers=NoHandlers(),
            runtime=self._runtime,
            nursery=nursery,
        )

    def unit_sizes(self) -> frozenset[int]:
        """Return the sizes of all units seen on links of this node, in bytes."""
        return frozenset(self._sizes.union(*(link.unit_sizes for link in self._links)))

    async def _forget(self, link: Connection, uri: RelayUri) -> None:
        try:
            await link.closed.wait()
        finally:
            self.access.left(node_id_of(uri.identity), link, uri.place)
            self._sizes |= link.unit_sizes
            self._links.discard(link)


async def _leave_when_moved(link: Connection, line: FromAddress) -> None:
    """End a link whose own address is gone: its silence alone would tell after a minute."""
    async with trio.open_nursery() as nursery:

        async def move() -> None:
            await until_moved(line)
            link.abort()

        nursery.start_soon(move)
        await link.closed.wait()
        nursery.cancel_scope.cancel()

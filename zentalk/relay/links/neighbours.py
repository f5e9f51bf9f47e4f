"""One shared link per neighbouring relay: dialled once, used by everyone, closed when idle.

It dials only addresses that a verified descriptor or the operator's bootstraps name. A
link that fails ends itself and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import trio

from zentalk.errors import REQUEST_FAULTS, ConnectFailedError, UnavailableError
from zentalk.ids import NodeId
from zentalk.net.backoff import Backoff
from zentalk.net.connection import Connection
from zentalk.net.reached import LastReached
from zentalk.net.runtime import Runtime
from zentalk.relay.metrics import Counters
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

IDLE_SECONDS: Final = 60.0
MAX_LINKS_PER_NEIGHBOUR: Final = 4
"""Both sides may dial at once and each lane once; more is a neighbour that leaks."""
_CHECK_SECONDS: Final = 10.0

_Key = tuple[NodeId, int]


class Connect(Protocol):
    """Makes an authenticated link to a relay; its tasks live in `nursery`."""

    async def __call__(self, uri: RelayUri, nursery: trio.Nursery) -> Connection:
        """Raise TransportError or RemoteProtocolError if there is no link to be had."""
        ...


class Addresses(Protocol):
    """The addresses of relays (`zentalk.relay.directory.known_relays.KnownRelays`)."""

    def descriptor_of(self, node_id: NodeId) -> Descriptor | None:
        """Return the usable verified descriptor of a relay, or None."""
        ...

    def addresses_of(self, node_id: NodeId, lane: int = 0) -> Sequence[RelayUri]:
        """Return where to dial a lane of a relay, in the order in which to try."""
        ...


class _Dial:
    """One attempt, awaited by everyone who wants that link."""

    __slots__ = ("done", "link", "reason")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.link: Connection | None = None
        self.reason = "the relay is stopping"


class RelayLinks:
    """All links to and from other relays; `run` must be running to dial."""

    def __init__(self, runtime: Runtime, known: Addresses, counters: Counters) -> None:
        self._runtime = runtime
        self._known = known
        self._counters = counters
        self._links: dict[_Key, list[Connection]] = {}
        self._dialled: set[Connection] = set()
        self._dials: dict[_Key, _Dial] = {}
        self._reached = LastReached()
        # A new boot is a new key: a relay that came back is not made to wait.
        self._backoff: Backoff[tuple[NodeId, int, int]] = Backoff(runtime.entropy)
        self._nursery: trio.Nursery | None = None
        self._connect: Connect | None = None

    async def run(self, connect: Connect) -> None:
        """Carry the links' tasks and close idle links, until cancelled; dial with `connect`."""
        async with trio.open_nursery() as nursery:
            self._nursery, self._connect = nursery, connect
            try:
                while True:
                    await trio.sleep(_CHECK_SECONDS)
                    self._close_idle()
            finally:
                self._nursery = None

    def linked(self, node_id: NodeId, lane: int = 0) -> Connection | None:
        """Return the newest live link to a lane of a relay, None if there is none."""
        return _newest(self._counted(node_id, self._links.get((node_id, lane), ())))

    def connected(self) -> list[Connection]:
        """Return one live link per neighbour."""
        found: dict[NodeId, Connection] = {}
        for (node_id, _), links in self._links.items():
            link = _newest(self._counted(node_id, links))
            if link is not None:
                found.setdefault(node_id, link)
        return list(found.values())

    def knows(self, node_id: NodeId, lane: int = 0) -> bool:
        """Tell whether there is an address to dial."""
        return bool(self._known.addresses_of(node_id, lane))

    async def get(self, node_id: NodeId, lane: int = 0) -> Connection:
        """Return a live link to a relay, dialling once for all who ask at the same time.

        Raises UnavailableError if no verified address is known, ConnectFailedError if it
        cannot be reached or was tried a moment ago.
        """
        link = self.linked(node_id, lane)
        if link is not None:
            return link
        addresses = self._known.addresses_of(node_id, lane)
        if not addresses:
            raise UnavailableError("no address of that relay is known")
        return await self._dial_shared((node_id, lane), addresses)

    async def dial(self, uri: RelayUri) -> Connection:
        """Return a live link to the relay at `uri`, as `get` does."""
        key = (node_id_of(uri.identity), 0)
        return self.linked(*key) or await self._dial_shared(key, [uri])

    def register(self, connection: Connection, lane: int | None = None) -> None:
        """Share a link; one that a neighbour dialled comes without `lane`.

        Such a link serves once the directory counts the neighbour: anyone may say to be a relay.

        A neighbour's packets may leave over the link it dialled only if it has one lane:
        the link belongs to the process that dialled, and a packet to one lane's key.
        """
        descriptor = connection.peer.descriptor
        if descriptor is None or self._nursery is None or connection.closed.is_set():
            return
        if lane is None:
            lane = 0 if len(descriptor.lanes) == 1 else -1
        key = (descriptor.node_id, lane)
        links = self._links.setdefault(key, [])
        links.append(connection)
        if len(links) > MAX_LINKS_PER_NEIGHBOUR:
            links[0].close()
        self._backoff.forget((*key, descriptor.boot))
        self._nursery.start_soon(self._forget_when_closed, key, connection)

    def close_all(self) -> None:
        """Close every link."""
        for links in list(self._links.values()):
            for link in list(links):
                link.close()

    async def _forget_when_closed(self, key: _Key, connection: Connection) -> None:
        await connection.closed.wait()
        self._forget(key, connection)

    def _counted(self, node_id: NodeId, links: Sequence[Connection]) -> Sequence[Connection]:
        if self._known.descriptor_of(node_id) is not None:
            return links
        return [link for link in links if link in self._dialled]

    def _forget(self, key: _Key, connection: Connection) -> None:
        """Remove this very link, never one that has taken its place."""
        self._dialled.discard(connection)
        links = [link for link in self._links.get(key, ()) if link is not connection]
        if links:
            self._links[key] = links
        else:
            self._links.pop(key, None)

    async def _dial_shared(self, key: _Key, addresses: Sequence[RelayUri]) -> Connection:
        target = f"{addresses[0].host}:{addresses[0].port}"
        dial = self._dials.get(key)
        if dial is None:
            attempt = (*key, self._boot_of(key[0]))
            if self._nursery is None:
                raise ConnectFailedError(target, "the relay is stopping")
            if self._backoff.remaining(attempt, self._runtime.monotonic()) > 0:
                raise ConnectFailedError(target, "it was tried a moment ago")
            dial = self._dials[key] = _Dial()
            self._nursery.start_soon(self._run_dial, key, addresses, dial)
        await dial.done.wait()
        if dial.link is None:
            raise ConnectFailedError(target, dial.reason)
        return dial.link

    async def _run_dial(self, key: _Key, addresses: Sequence[RelayUri], dial: _Dial) -> None:
        attempt = (*key, self._boot_of(key[0]))
        try:
            for uri in self._reached.in_order(addresses):
                if await self._try(key, uri, dial):
                    self._backoff.forget(attempt)
                    return
            self._backoff.failed(attempt, self._runtime.monotonic())
        finally:
            del self._dials[key]
            dial.done.set()

    async def _try(self, key: _Key, uri: RelayUri, dial: _Dial) -> bool:
        nursery, connect = self._nursery, self._connect
        if nursery is None or connect is None:
            dial.reason = "the relay is stopping"
            return False
        try:
            connection = await connect(uri, nursery)
        except ConnectFailedError as error:
            dial.reason = error.reason
            return False
        except REQUEST_FAULTS as error:
            dial.reason = str(error)
            return False
        self._reached.answered(uri)
        self._counters.links_dialled += 1
        dial.link = connection
        self._links.setdefault(key, []).append(connection)
        self._dialled.add(connection)
        # Not self._nursery: `run` may have been cancelled while the dial was under way.
        nursery.start_soon(self._forget_when_closed, key, connection)
        return True

    def _boot_of(self, node_id: NodeId) -> int:
        descriptor = self._known.descriptor_of(node_id)
        return 0 if descriptor is None else descriptor.boot

    def _close_idle(self) -> None:
        oldest = self._runtime.monotonic() - IDLE_SECONDS
        for links in list(self._links.values()):
            for link in list(links):
                if link.last_activity < oldest and link.open_streams == 0:
                    link.close()


def _newest(links: Sequence[Connection]) -> Connection | None:
    """Return the newest that still takes packets: one that is closing drops them."""
    return next((link for link in reversed(links) if link.is_open), None)

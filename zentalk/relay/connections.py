"""What connections bring in, handed to whoever it is for.

Clients may ask the directory and the mailboxes, relays only the directory. Nothing is
decided here, and nothing of what passes is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zentalk.net.connection import Connection
from zentalk.net.dispatch import Dispatcher, Notify, Request
from zentalk.net.streams import LinkStream
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.wire.frames import Open


class Service(Protocol):
    """A part of the relay that is asked over links."""

    def requests(self) -> Mapping[str, Request]:
        """Return the questions answered, by method."""
        ...

    def notifies(self) -> Mapping[str, Notify]:
        """Return the notifications taken, by method."""
        ...


def dispatcher_of(*services: Service) -> Dispatcher:
    """Return one dispatcher for the methods of several services."""
    dispatcher = Dispatcher()
    for service in services:
        dispatcher.requests.update(service.requests())
        dispatcher.notifies.update(service.notifies())
    return dispatcher


class LinkHandlers:
    """The handlers of all connections that belong to one lane."""

    def __init__(
        self,
        *,
        lane: int,
        router: Router,
        tunnels: TunnelService,
        for_clients: Dispatcher,
        for_relays: Dispatcher,
    ) -> None:
        self._lane = lane
        self._router = router
        self._tunnels = tunnels
        self._for_clients = for_clients
        self._for_relays = for_relays

    def packet_received(self, connection: Connection, packet: bytes, /) -> None:
        """Peel it with this lane's key."""
        self._router.packet_received(packet, self._lane, connection.account)

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        """Return the answer; raises RemoteProtocolError if the peer broke the rules."""
        return await self._dispatcher(connection).request(connection, body)

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        """Take a notification; raises RemoteProtocolError if the peer broke the rules."""
        self._dispatcher(connection).notify(connection, body)

    async def stream_opened(
        self, connection: Connection, request: Open, stream: LinkStream, /
    ) -> None:
        """Carry a tunnel; raises RefusedError."""
        await self._tunnels.stream_opened(connection, request, stream)

    def _dispatcher(self, connection: Connection) -> Dispatcher:
        return self._for_clients if connection.peer.is_client else self._for_relays

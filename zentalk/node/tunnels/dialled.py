"""Links to relays that are dialled for a few requests: for what may show them this node's address.

Only the setting that says so leads here; everything else goes through guards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import trio

from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.net.connection import Connection
from zentalk.node.tunnels.dialer import Dialer
from zentalk.wire.descriptor import Descriptor


class DialledLinks:
    """Dials relays of the snapshot; `run` must be running."""

    def __init__(
        self, dialer: Dialer, descriptors: Callable[[], Mapping[NodeId, Descriptor]]
    ) -> None:
        self._dialer = dialer
        self._descriptors = descriptors
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Carry the tasks of links, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    @asynccontextmanager
    async def open(self, node_id: NodeId) -> AsyncIterator[Connection]:
        """Open a link to a relay for a few requests.

        Raises UnavailableError if it is not known, TransportError or HandshakeError.
        """
        descriptor = self._descriptors().get(node_id)
        if descriptor is None or self._nursery is None:
            raise UnavailableError("a relay is not known at present")
        link = await self._dialer.dial(descriptor.uris(), self._nursery)
        try:
            yield link
        finally:
            link.close()

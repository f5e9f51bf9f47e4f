"""Tunnels: streams through this relay to another one, and links that end here inside one.

Spec: docs/spec/link.md section 6. A client names a relay by its id, never an address, and
only relays of the verified set are reached: this is no open proxy. What a stream carries
on is never looked at. Who gets a stream when many are asked for: section 11.1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from zentalk.errors import LINK_FAULTS, RefusedError, UnavailableError
from zentalk.ids import NodeId
from zentalk.link.geometry import depth_of
from zentalk.net.connection import Connection
from zentalk.net.splice import splice
from zentalk.net.streams import LinkStream
from zentalk.net.transport import ByteStream
from zentalk.relay.links.neighbours import Addresses, RelayLinks
from zentalk.relay.links.stream_holders import Principal, StreamSlot
from zentalk.relay.links.stream_shares import StreamShares
from zentalk.relay.metrics import Counters
from zentalk.wire.frames import Open

ServeInner = Callable[[ByteStream, int, Principal], Awaitable[None]]
"""Runs the responder of a link of that depth inside a stream, until it ends."""
BUSY_PAUSES_SECONDS: Final = (0.05, 0.2, 0.5)
"""Pauses before a neighbour is asked again after a stream to it made room: its end goes first."""


class TunnelService:
    """Takes OPEN from every link of one relay; it reaches relays that are verified, no others."""

    def __init__(
        self,
        node_id: NodeId,
        known: Addresses,
        links: RelayLinks,
        streams: StreamShares,
        counters: Counters,
    ) -> None:
        self._node_id = node_id
        self._known = known
        self._links = links
        self._streams = streams
        self._counters = counters

    async def stream_opened(
        self, connection: Connection, request: Open, stream: ByteStream, serve_inner: ServeInner
    ) -> None:
        """Carry a stream until it ends; `serve_inner` serves a link that ends here.

        Raises RefusedError instead of accepting it: `self`, `unknown`, `unreachable`,
        `busy`, or `forbidden` for what that kind of link may not ask.
        """
        try:
            depth = depth_of(request.cell_bytes)
            with self._held(self._principal(connection)) as slot:
                if connection.peer.is_client:
                    await self._carry_on(connection, request, stream, slot)
                else:
                    self._end_here(request)
                    await serve_inner(stream, depth, slot.principal)
        except RefusedError as refusal:
            self._counters.refuse(refusal.reason)
            raise

    async def _carry_on(
        self, connection: Connection, request: Open, stream: ByteStream, slot: StreamSlot
    ) -> None:
        """Join a client's stream to one on the link to the relay it names."""
        target = request.node_id
        if target is None or depth_of(request.cell_bytes) != connection.depth + 1:
            raise RefusedError("forbidden")
        if target == self._node_id:
            raise RefusedError("self")
        if self._known.descriptor_of(target) is None:
            raise RefusedError("unknown")
        try:
            link = await self._links.get(target)
            onward = await self._open_onward(link, target, request.cell_bytes, slot)
        except (*LINK_FAULTS, UnavailableError):  # a refusal is passed on as it is
            raise RefusedError("unreachable") from None
        self._counters.streams_spliced += 1
        self._streams.goes_on(slot, target)
        await splice(stream, onward)

    async def _open_onward(
        self, link: Connection, target: NodeId, cell_bytes: int, slot: StreamSlot
    ) -> LinkStream:
        """Open a stream to the next relay; one of a greedier client's gives way if it must."""
        try:
            return await link.open_stream(None, cell_bytes)
        except RefusedError as refusal:
            if refusal.reason != "busy" or not self._streams.make_room_onward(slot, target):
                raise
        for pause in BUSY_PAUSES_SECONDS:
            await trio.sleep(pause)
            try:
                return await link.open_stream(None, cell_bytes)
            except RefusedError as refusal:
                if refusal.reason != "busy":
                    raise
        raise RefusedError("busy")

    def _end_here(self, request: Open) -> None:
        """Let a stream that another relay brings end here, for a link inside it."""
        if request.node_id is not None:
            raise RefusedError("forbidden")
        self._counters.streams_ended_here += 1

    def _principal(self, connection: Connection) -> Principal:
        """Return in whose name a stream is asked for.

        A link inside a stream is its neighbour's, whoever is at its end. A relay is a neighbour
        only if the directory counts it.
        """
        origin, peer = connection.origin, connection.peer
        if isinstance(origin, Principal):
            return origin
        counts = peer.node_id is not None and self._known.descriptor_of(peer.node_id) is not None
        return Principal(origin, is_neighbour=counts)

    @contextmanager
    def _held(self, principal: Principal) -> Iterator[StreamSlot]:
        scope = trio.CancelScope()
        slot = self._streams.enter(principal, scope.cancel)
        if slot is None:
            raise RefusedError("busy")
        try:
            with scope:
                yield slot
        finally:
            self._streams.leave(slot)
        if slot.evicted:
            raise RefusedError("busy")

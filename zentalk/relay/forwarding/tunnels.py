"""Tunnels: streams through this relay to another one, and links that end here inside one.

Spec: docs/spec/link.md section 6. A client names a relay by its id, never an address, and
only relays of the verified set are reached: this is no open proxy. What a stream carries
on is never looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from zentalk.errors import LINK_FAULTS, RefusedError, UnavailableError
from zentalk.ids import NodeId
from zentalk.link.geometry import depth_of
from zentalk.net.connection import Connection
from zentalk.net.splice import splice
from zentalk.net.transport import ByteStream
from zentalk.relay.links.admission import Admission
from zentalk.relay.links.neighbours import Addresses, RelayLinks
from zentalk.relay.metrics import Counters
from zentalk.wire.frames import Open

ServeInner = Callable[[ByteStream, int], Awaitable[None]]
"""Runs the responder of a link of that depth inside a stream, until it ends."""


class TunnelService:
    """Takes OPEN from every link of one relay; it reaches relays that are verified, no others."""

    def __init__(
        self,
        node_id: NodeId,
        known: Addresses,
        links: RelayLinks,
        admission: Admission,
        counters: Counters,
    ) -> None:
        self._node_id = node_id
        self._known = known
        self._links = links
        self._admission = admission
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
            with self._counted():
                if connection.peer.is_client:
                    await self._carry_on(connection, request, stream, depth)
                else:
                    self._end_here(request)
                    await serve_inner(stream, depth)
        except RefusedError as refusal:
            self._counters.refuse(refusal.reason)
            raise

    async def _carry_on(
        self, connection: Connection, request: Open, stream: ByteStream, depth: int
    ) -> None:
        """Join a client's stream to one on the link to the relay it names."""
        target = request.node_id
        if target is None or depth != connection.depth + 1:
            raise RefusedError("forbidden")
        if target == self._node_id:
            raise RefusedError("self")
        if self._known.descriptor_of(target) is None:
            raise RefusedError("unknown")
        try:
            link = await self._links.get(target)
            onward = await link.open_stream(None, request.cell_bytes)
        except (*LINK_FAULTS, UnavailableError):  # a refusal is passed on as it is
            raise RefusedError("unreachable") from None
        self._counters.streams_spliced += 1
        await splice(stream, onward)

    def _end_here(self, request: Open) -> None:
        """Let a stream that another relay brings end here, for a link inside it."""
        if request.node_id is not None:
            raise RefusedError("forbidden")
        self._counters.streams_ended_here += 1

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if not self._admission.open_stream():
            raise RefusedError("busy")
        try:
            yield
        finally:
            self._admission.close_stream()

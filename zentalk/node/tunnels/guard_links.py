"""Keeps a link to every wanted guard: dials, notices the end, dials again.

Which guards are wanted is the selection's decision. A guard that fails costs its own link and
nothing else; the other one is used at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from zentalk.errors import REQUEST_FAULTS
from zentalk.ids import NodeId
from zentalk.logs import quiet_logger
from zentalk.net.backoff import half_jitter
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.relays.access import RelayAccess
from zentalk.node.relays.view import CurrentRelays, RelayView
from zentalk.node.tunnels.guard_selection import GuardSelection, PathStart
from zentalk.wire.text import RelayUri

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
_FAST_WAIT_SECONDS: Final = 0.1
"""After a link that had lasted the first new attempt comes at once: it was the guard's restart."""
_LASTED_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 30.0
_SLOW_FAILURE_SECONDS: Final = 5.0
_FAILURES_TO_BE_DOWN: Final = 2
WORD_SECONDS: Final = 2.0
"""A guard that has refused us before is given so long to do so again before it is used."""
_LOG: Final = quiet_logger("zentalk.node")

Dial = Callable[[Sequence[RelayUri], trio.Nursery], Awaitable[Connection]]


class GuardLinks:
    """The links to the guards that `selection` wants.

    Who waits for a link, or for a relay that can be used, parks in `changes`.
    """

    def __init__(
        self,
        runtime: Runtime,
        dial: Dial,
        selection: GuardSelection,
        relays: CurrentRelays,
        changes: trio.lowlevel.ParkingLot,
        access: RelayAccess,
    ) -> None:
        self._runtime = runtime
        self._access = access
        self._dial = dial
        self.selection = selection
        self.changes = changes
        self._relays = relays
        self._view: RelayView | None = None
        self._closed = frozenset[NodeId]()
        self._known: set[NodeId] = set()
        self._links: dict[NodeId, Connection] = {}
        self._tasks: dict[NodeId, trio.CancelScope] = {}

    def connected(self) -> tuple[NodeId, ...]:
        """Return the guards in use that have a live link, in the order of the selection."""
        return tuple(start.guard for start in self.starts())

    def starts(self) -> tuple[PathStart, ...]:
        """Return the connected guards, in the same order, with their sticky second hops."""
        starts = self.selection.starts
        return tuple(start for start in starts if self.link(start.guard) is not None)

    def wants_any(self) -> bool:
        """Say whether there are guards to connect to."""
        return bool(self.selection.wanted())

    def link(self, node_id: NodeId) -> Connection | None:
        """Return the live link to a guard, if there is one."""
        link = self._links.get(node_id)
        return None if link is None or link.closed.is_set() else link

    def takes(self, guard: NodeId, packet_bytes: int) -> bool:
        """Tell whether the link of a guard would take a packet of that size now."""
        link = self.link(guard)
        return link is not None and link.has_packet_room(packet_bytes)

    def send_packet(self, guard: NodeId, packet: bytes) -> bool:
        """Hand a packet to the link of a guard; False if there is none, or it is full."""
        link = self.link(guard)
        return link is not None and link.send_packet(packet)

    def follow_view(self) -> None:
        """Let the guards be chosen from the relays of now, of those that let us in."""
        view, closed = self._relays.view(), self._access.no_entry()
        if view is not self._view or closed != self._closed:
            self._view, self._closed = view, closed
            self.selection.view_changed(view)
            self.changes.unpark_all()

    async def run(self) -> None:
        """Keep the links, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self.follow_view()
                wanted = self.selection.wanted()
                for node_id in list(self._tasks):
                    if node_id not in wanted:
                        self._tasks[node_id].cancel()
                for node_id in wanted:
                    if node_id not in self._tasks:
                        self._tasks[node_id] = trio.CancelScope()
                        nursery.start_soon(self._keep, node_id, nursery)
                with trio.move_on_after(_LOOK_SECONDS):
                    await self.changes.park()

    async def _keep(self, node_id: NodeId, nursery: trio.Nursery) -> None:
        """Have a link to one guard for as long as it is wanted."""
        try:
            with self._tasks[node_id]:
                failures = 0
                while True:
                    failures = await self._attempt(node_id, failures, nursery)
                    wait = half_jitter(
                        failures - 1,
                        FIRST_WAIT_SECONDS,
                        LONGEST_WAIT_SECONDS,
                        self._runtime.entropy,
                    )
                    await trio.sleep(wait if failures else _FAST_WAIT_SECONDS)
        finally:
            link = self._links.pop(node_id, None)
            if link is not None:
                link.close()
            del self._tasks[node_id]
            self.changes.unpark_all()

    async def _attempt(self, node_id: NodeId, failures: int, nursery: trio.Nursery) -> int:
        """Dial and use the link until it ends; return the failures in a row by then."""
        began = self._runtime.monotonic()
        uris = self.selection.uris(node_id)
        if not uris:
            return failures + 1
        try:
            link = await self._dial(uris, nursery)
        except REQUEST_FAULTS:
            took = self._runtime.monotonic() - began
            if failures + 1 >= _FAILURES_TO_BE_DOWN or took >= _SLOW_FAILURE_SECONDS:
                self.selection.seen(node_id, reachable=False)
                self.changes.unpark_all()
            return failures + 1
        if self._access.has_refused(node_id):
            with trio.move_on_after(WORD_SECONDS):
                await link.closed.wait()
        if not link.closed.is_set():
            self._access.let_in(node_id)
            await self._use(node_id, link)
        if self._access.left(node_id, link):
            self._refused(node_id)
            return failures + 1
        lasted = self._runtime.monotonic() - began
        return 0 if lasted >= _LASTED_SECONDS else failures + 1

    async def _use(self, node_id: NodeId, link: Connection) -> None:
        """Have a link in use until it ends."""
        self._links[node_id] = link
        if node_id in self._known:
            self._relays.refresh_soon(restarted=True)
        self._known.add(node_id)
        self.selection.seen(node_id, reachable=True)
        self.changes.unpark_all()
        await link.closed.wait()
        self._links.pop(node_id, None)
        self.changes.unpark_all()

    def _refused(self, node_id: NodeId) -> None:
        """Go on without a guard that will not have us."""
        _LOG.warning("a_guard_refuses_this_node")
        self.selection.seen(node_id, reachable=False)
        self.follow_view()

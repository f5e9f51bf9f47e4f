"""Which relays the snapshot is requested of, and over which way.

Spec: docs/spec/directory.md section 8. Three distinct relays over at least two guards; a
guard may be one of them. Bootstraps are dialled directly only while nothing else is there:
they see this node's address and that it starts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from zentalk.errors import REQUEST_FAULTS, LinkClosedError
from zentalk.ids import NodeId
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.relays.view import RelayView
from zentalk.node.snapshot.shown_relays import DISJOINT_FROM, REFRESHES
from zentalk.node.tunnels.dialer import Dialer
from zentalk.node.tunnels.guard_selection import by_relay
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.draw import sample
from zentalk.onion.path import MIN_RELAYS
from zentalk.wire.descriptor import ROLE_DIRECTORY, node_id_of
from zentalk.wire.text import RelayUri

SOURCES: Final = 3
ALONE_SECONDS: Final = 300.0
"""Without any guard for so long, what is known of relays may be where they were: their operators
may have moved them all, so bootstraps are asked."""
ALONE_NOTED_SECONDS: Final = 30.0
MAX_BOOTSTRAPS: Final = 5
"""Asked at a first start: two must agree, and some may be down."""


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """A relay to request the snapshot of, and how to open a connection to it."""

    node_id: NodeId
    open: Callable[[], AbstractAsyncContextManager[Connection]]


class SnapshotSources:
    """Chooses sources; `bootstraps` are dialled directly while there is no other way."""

    def __init__(
        self,
        bootstraps: Sequence[RelayUri],
        dialer: Dialer,
        tunnels: Tunnels,
        runtime: Runtime,
    ) -> None:
        self._bootstraps = by_relay(bootstraps)
        self._dialer = dialer
        self._links = tunnels.links
        self._tunnels = tunnels
        self._runtime = runtime
        self._alone_since: float | None = None
        self._asked: deque[frozenset[NodeId]] = deque(maxlen=REFRESHES - 1)

    def has_guards(self) -> bool:
        """Say whether guards are known, connected or not."""
        return self._links.wants_any()

    async def changed(self) -> None:
        """Return when links to guards, or the relays to use, have changed."""
        await self._links.changes.park()

    def enough(self, view: RelayView) -> bool:
        """Say whether a snapshot can be had without bootstraps."""
        connected = len(self._links.connected())
        return connected >= 2 or (connected == 1 and len(view.relays) >= MIN_RELAYS)

    def choose(self, view: RelayView, now: float, nursery: trio.Nursery) -> list[SnapshotSource]:
        """Return the sources of one refresh; links to bootstraps live in `nursery`.

        None while no guard is connected, if there are any: bootstraps are not dialled because
        guards are down, unless all have been for ALONE_SECONDS. Where there are enough relays,
        nobody is asked that was in one of the two refreshes before.
        """
        if self._links.connected():
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        chosen = self._choose(view, now, nursery)
        self._asked.append(frozenset(source.node_id for source in chosen))
        return chosen

    def _choose(self, view: RelayView, now: float, nursery: trio.Nursery) -> list[SnapshotSource]:
        if self.enough(view):
            if len(view.relays) >= MIN_RELAYS:
                return self._over_guards(view, now, nursery)
            return [self._guard(guard) for guard in self._links.connected()]
        if self._alone_for(now) >= ALONE_SECONDS:
            return self._at_first(nursery)
        if len(view.relays) >= MIN_RELAYS and self.has_guards():
            return []
        if len(view.relays) >= DISJOINT_FROM and self._bootstraps:
            return self._over_bootstraps(view, now, nursery)
        return self._at_first(nursery)

    def note(self) -> str | None:
        """Return what to tell the owner of a node that reaches no guard, or None."""
        if (
            self._links.connected()
            or self._alone_for(self._runtime.monotonic()) < ALONE_NOTED_SECONDS
        ):
            return None
        minutes = round(ALONE_SECONDS / 60)
        return (
            "no entry relay answers where it was last seen; after "
            f"{minutes} minutes the relays in `bootstraps` are asked where it is now: check the "
            "way out of this machine, and that those URIs are right"
        )

    def _alone_for(self, now: float) -> float:
        return 0.0 if self._alone_since is None else now - self._alone_since

    def _at_first(self, nursery: trio.Nursery) -> list[SnapshotSource]:
        sources = {guard: self._guard(guard) for guard in self._links.connected()}
        for node_id in sample(list(self._bootstraps), MAX_BOOTSTRAPS, self._runtime.entropy):
            uris = self._bootstraps[node_id]
            sources.setdefault(
                node_id, SnapshotSource(node_id, partial(self._direct, uris, nursery))
            )
        return list(sources.values())

    def _over_bootstraps(
        self, view: RelayView, now: float, nursery: trio.Nursery
    ) -> list[SnapshotSource]:
        """Reach relays through bootstraps: no guard is chosen before others confirm the first."""
        return [
            SnapshotSource(node_id, partial(self._through, view.relays[node_id].uri, nursery))
            for node_id in self._draw(view, now)
        ]

    def _draw(self, view: RelayView, now: float) -> list[NodeId]:
        """Draw relays that look alive, at first among those that were not asked lately."""
        suspects = self._tunnels.scores.suspects(now)
        able = [n for n, relay in view.relays.items() if relay.roles & ROLE_DIRECTORY]
        asked = frozenset[NodeId]().union(*self._asked)
        if len(view.relays) < DISJOINT_FROM:
            asked = frozenset()
        drawn: list[NodeId] = []
        for unwanted in (asked | suspects, suspects, frozenset[NodeId]()):
            options = [one for one in able if one not in unwanted and one not in drawn]
            drawn += sample(options, SOURCES - len(drawn), self._runtime.entropy)
        return drawn

    def _over_guards(
        self, view: RelayView, now: float, nursery: trio.Nursery
    ) -> list[SnapshotSource]:
        """Spread the sources over the guards."""
        drawn = self._draw(view, now)
        guards = self._links.connected()
        load = dict.fromkeys(guards, 0)
        sources = []
        # Guards first: what they answer themselves cannot go over the other one.
        for node_id in sorted(drawn, key=lambda node_id: node_id not in load):
            if node_id in load:
                load[node_id] += 1
                sources.append(self._guard(node_id))
            else:
                over = min(load, key=lambda guard: load[guard])
                load[over] += 1
                sources.append(self._over(over, view.relays[node_id].uri, nursery))
        return sources

    def _over(self, guard: NodeId, uri: RelayUri, nursery: trio.Nursery) -> SnapshotSource:
        """Reach a relay over a guard; over it alone while no second hop was chosen yet."""
        node_id = node_id_of(uri.identity)
        if self._links.selection.middles(guard):
            return SnapshotSource(node_id, partial(self._tunnels.short, node_id, guard))
        return SnapshotSource(node_id, partial(self._behind, guard, uri, nursery))

    def _guard(self, guard: NodeId) -> SnapshotSource:
        return SnapshotSource(guard, partial(self._own_link, guard))

    @asynccontextmanager
    async def _own_link(self, guard: NodeId) -> AsyncIterator[Connection]:
        link = self._links.link(guard)
        if link is None:
            raise LinkClosedError("the link to a guard is closed")
        yield link

    @asynccontextmanager
    async def _direct(
        self, uris: Sequence[RelayUri], nursery: trio.Nursery
    ) -> AsyncIterator[Connection]:
        link = await self._dialer.dial(uris, nursery)
        try:
            yield link
        finally:
            link.close()

    @asynccontextmanager
    async def _through(self, uri: RelayUri, nursery: trio.Nursery) -> AsyncIterator[Connection]:
        """Reach a relay over the first bootstrap that answers; each is tried in a drawn order."""
        target = node_id_of(uri.identity)
        for bootstrap in sample(list(self._bootstraps), MAX_BOOTSTRAPS, self._runtime.entropy):
            try:
                outer = await self._dialer.dial(self._bootstraps[bootstrap], nursery)
            except REQUEST_FAULTS:
                continue
            try:
                if bootstrap == target:
                    yield outer
                else:
                    async with self._extended(outer, uri, nursery) as inner:
                        yield inner
            finally:
                outer.close()
            return
        raise LinkClosedError("no bootstrap can be reached")

    @asynccontextmanager
    async def _behind(
        self, guard: NodeId, uri: RelayUri, nursery: trio.Nursery
    ) -> AsyncIterator[Connection]:
        async with (
            self._own_link(guard) as outer,
            self._extended(outer, uri, nursery) as inner,
        ):
            yield inner

    @asynccontextmanager
    async def _extended(
        self, outer: Connection, uri: RelayUri, nursery: trio.Nursery
    ) -> AsyncIterator[Connection]:
        inner = await self._dialer.extend(outer, uri, nursery)
        try:
            yield inner
        finally:
            inner.close()

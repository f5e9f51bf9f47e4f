"""Which relays the snapshot is requested of, and over which way.

Spec: docs/spec/directory.md section 8. Three distinct relays over at least two guards; a
guard may be one of them. Bootstraps are dialled directly only while nothing else is there:
they see this node's address and that it starts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from zentalk.errors import LinkClosedError
from zentalk.ids import NodeId
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.dialer import Dialer
from zentalk.node.tunnels.guard_selection import by_relay
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.draw import sample
from zentalk.onion.path import MIN_RELAYS
from zentalk.wire.descriptor import ROLE_DIRECTORY
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

        None while no guard is connected, if there is a snapshot: bootstraps are not dialled
        because guards are down, unless all have been for ALONE_SECONDS.
        """
        if self._links.connected():
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        if len(view.relays) >= MIN_RELAYS and self._alone_for(now) < ALONE_SECONDS:
            return self._over_guards(view, now) if self.enough(view) else []
        if self.enough(view):
            return [self._guard(guard) for guard in self._links.connected()]
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

    def _over_guards(self, view: RelayView, now: float) -> list[SnapshotSource]:
        """Draw relays that look alive, and spread them over the guards."""
        suspects = self._tunnels.scores.suspects(now)
        able = [n for n, relay in view.relays.items() if relay.roles & ROLE_DIRECTORY]
        lively = [node_id for node_id in able if node_id not in suspects]
        drawn = sample(lively, SOURCES, self._runtime.entropy)
        doubtful = [node_id for node_id in able if node_id in suspects]
        drawn += sample(doubtful, SOURCES - len(drawn), self._runtime.entropy)
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
                sources.append(SnapshotSource(node_id, partial(self._tunnels.short, node_id, over)))
        return sources

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

"""An API node's only way to the outside: guards, the snapshot, tunnels and packets.

It puts the parts together and says how they are; `tunnels` and `packets` do the work. It must
never reach a relay directly except its guards (and, while there is no snapshot, its
bootstraps), and never shorten a path. What it needs to start again is saved as soon
as it changes, unless it all rests on one bootstrap's word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Literal

import trio

from zentalk.config.settings import ApiSettings
from zentalk.directory.clock_skew import note as clock_note
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.packets.relaxed_rules import few_note
from zentalk.node.packets.relaxed_rules import note as relaxed_note
from zentalk.node.packets.sender import PacketSender
from zentalk.node.profiles import PROFILES
from zentalk.node.snapshot.refresher import SnapshotRefresher
from zentalk.node.snapshot.saved_state import SavedState
from zentalk.node.snapshot.sources import SnapshotSources
from zentalk.node.status import NetworkStatus
from zentalk.node.tunnels.dialer import dialer_of
from zentalk.node.tunnels.dialled import DialledLinks
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.guard_state import GuardState
from zentalk.onion.path import MIN_RELAYS
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.text import RelayUri


class NodeNetwork:
    """See the module. `run` must be running for everything else to work.

    `load_state` returns what `save_state` was last given, or None at a first start; a
    StorageError of `save_state` is waited out.
    """

    def __init__(
        self,
        settings: ApiSettings,
        runtime: Runtime,
        network: Network,
        load_state: Callable[[], bytes | None],
        save_state: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.profile = replace(PROFILES[settings.profile], path_hops=settings.path_hops)
        self._state = SavedState(settings.network, load_state(), save_state)
        self._dialer = dialer_of(settings, runtime, network)
        self.access = self._dialer.access
        self._changes = trio.lowlevel.ParkingLot()
        configured = {uri.identity: uri for uri in (*settings.guards, *settings.bootstraps)}
        self._snapshot = SnapshotRefresher(
            settings.network,
            runtime,
            id_difficulty=settings.id_difficulty,
            one_source_is_enough=len(configured) <= 1,
            changes=self._changes,
        )
        found = self._state.found
        self._selection = GuardSelection(
            pinned=settings.guards,
            state=GuardState.from_value(found.guards),
            addresses=found.hints,
            wall=runtime.wall,
            entropy=runtime.entropy,
            usable=self._dialer.usable,
        )
        self._links = GuardLinks(
            runtime,
            self._dialer.dial,
            self._selection,
            self._snapshot,
            self._changes,
            self.access,
        )
        self.tunnels = Tunnels(
            settings.network,
            runtime,
            self._links,
            self._snapshot,
            found.third_hops,
            self.access.token,
        )
        self.dialled = DialledLinks(self._dialer, self.descriptors)
        self.packets = PacketSender(self.profile, runtime, self.tunnels, self._snapshot)
        self._sources = SnapshotSources(settings.bootstraps, self._dialer, self.tunnels, runtime)
        self._snapshot.size.full_until = found.full_until
        self._snapshot.shown.restore(found.shown)
        self._snapshot.client.restore(found.descriptors, found.proofs)
        self._links.follow_view()

    async def run(self) -> None:
        """Keep guards connected and the snapshot fresh, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.tunnels.run)
            nursery.start_soon(self.dialled.run)
            nursery.start_soon(self._links.run)
            nursery.start_soon(self._snapshot.run, self._sources)
            nursery.start_soon(self.packets.run)
            nursery.start_soon(self._state.keep, self.tunnels, self._snapshot)

    async def connected(self) -> None:
        """Return once a snapshot is accepted and at least one guard is connected."""
        while not (self._snapshot.view().relays and self._links.connected()):
            await self._changes.park()

    async def changed(self) -> None:
        """Return once another set of relays is known, or another guard connected."""
        await self._changes.park()

    def descriptors(self) -> Mapping[NodeId, Descriptor]:
        """Return the relays usable for new paths now."""
        return self._snapshot.view().relays

    def lasting_relays(self) -> frozenset[NodeId]:
        """Return those of `descriptors` that several refreshes have shown: fit for mailboxes."""
        return self._snapshot.view().lasting

    def guards(self) -> tuple[NodeId, ...]:
        """Return the guards in use."""
        return self._selection.in_use()

    def connected_guards(self) -> tuple[NodeId, ...]:
        """Return the guards with a live link."""
        return self._links.connected()

    def entries(self) -> tuple[RelayUri, ...]:
        """Return the guards with a live link, each as it was dialled."""
        known = self._snapshot.view().relays
        uris = [known[guard].uri for guard in self.connected_guards() if guard in known]
        return tuple(self._dialer.reached(uri.identity) or uri for uri in uris)

    def own_mailboxes(self, relays: Collection[NodeId]) -> None:
        """Keep these relays out of the middle of own paths and guards, where possible."""
        own = self.packets.own_mailboxes = frozenset(relays)
        self._selection.own_mailboxes_changed(own)

    def relay_restarted(self) -> None:
        """A link or tunnel that served has ended, so that a relay may have new keys."""
        self._snapshot.refresh_soon(restarted=True)

    def refresh_soon(self) -> None:
        """Refresh the snapshot; something in it may be old. At most one a minute on average."""
        self._snapshot.refresh_soon()

    def unit_sizes(self) -> frozenset[int]:
        """Every client-link unit size seen so far, over all connections of this life."""
        return self._dialer.unit_sizes()

    def status(self) -> NetworkStatus:
        """Return what an owner is told."""
        view = self._snapshot.view()
        known = len(view.relays)
        connected = len(self._links.connected())
        tunnels: Literal["full", "short", "none"] = "none"
        if connected and known >= MIN_RELAYS:
            tunnels = "full" if view.is_full else "short"
        findings = self.packets.fates.losses.findings()
        return NetworkStatus(known, connected, tunnels, tuple(self._notes(known)), findings)

    def _notes(self, known: int) -> Iterator[str]:
        if self._snapshot.unverified:
            yield "the list of relays is unverified: add a second bootstrap"
        if few := few_note(known):
            yield few
        if self._dialer.trouble and not self.connected_guards():
            yield (
                f"no relay is connected ({self._dialer.trouble}): check this machine's network, "
                "and `proxy` and `reach_relays_by` in config.toml"
            )
        yield from self.access.notes()
        if self._snapshot.omitting:
            yield "a relay left other relays out of its snapshot"
        if self._state.damaged:
            yield "the stored guards were damaged; new ones were chosen"
        if self.packets.own_mailboxes.intersection(self._selection.in_use()):
            yield "one of your mailboxes is at one of your guards; add relays for full protection"
        if self.tunnels.related:
            yield "a tunnel passes two relays of one operator or address range"
        if lost := self._sources.note():
            yield lost
        if clock := clock_note(self._snapshot.client.hours_ahead):
            yield clock
        if relaxed := relaxed_note(known, self.packets.relaxed):
            yield relaxed
        alarm = self.packets.fates.losses.alarm
        if alarm.active:
            yield (
                f"{alarm.lost} of the last {alarm.counted} packets that this node sent to itself "
                "did not come back: an attacker may be holding traffic back to watch you"
            )

"""An API node's only way to the outside: guards, the snapshot, tunnels and packets.

It must never reach a relay directly except its guards (and, while there is no snapshot,
its bootstraps), and never shorten a path. What it needs to start again is saved as soon
as it changes, unless it all rests on one bootstrap's word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import trio

from zentalk.config.settings import ApiSettings
from zentalk.errors import RemoteProtocolError
from zentalk.ids import NodeId, SendId
from zentalk.net.connection import Connection, Handlers
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.packets.relaxed_rules import note as relaxed_note
from zentalk.node.packets.sender import PacketSender
from zentalk.node.profiles import PROFILES
from zentalk.node.relays.loss_detection import Finding
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.snapshot.clock_skew import note as clock_note
from zentalk.node.snapshot.refresher import SnapshotKeeper
from zentalk.node.snapshot.sources import SnapshotSources
from zentalk.node.tunnels.dialer import Dialer
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.node.tunnels.second_hops import MIN_FULL_RELAYS, SecondHops
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.guard_state import GuardState
from zentalk.onion.path import MIN_RELAYS
from zentalk.store.retry import until_stored
from zentalk.wire.deposit import AckRoute
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.network_state import NetworkState, decode_network_state, encode_network_state

_SAVE_SECONDS: Final = 1.0
"""Changes come in groups, when guards connect or a snapshot arrives: one write for each group."""
_EMPTY = NetworkState("", GuardState().to_value(), (), ())


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """What an owner is told about the network, as JSON-able values."""

    relays_known: int
    guards_connected: int
    tunnels: Literal["full", "reduced", "none"]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


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
        self._network_id = settings.network
        self._runtime = runtime
        self._save_state = save_state
        self.profile = PROFILES[settings.profile]
        self._changes = trio.lowlevel.ParkingLot()
        self._unsaved = trio.Event()
        self._saved = b""
        self._damaged = False
        configured = {uri.identity: uri for uri in (*settings.guards, *settings.bootstraps)}
        state = self._load(load_state())
        self._hints = RelayScores()
        self._dialer = Dialer(settings.network, runtime, network)
        self._keeper = SnapshotKeeper(
            settings.network,
            runtime,
            id_difficulty=settings.id_difficulty,
            one_source_is_enough=len(configured) <= 1,
            changed=self._view_changed,
        )
        self._book = GuardSelection(
            pinned=settings.guards,
            state=GuardState.from_value(state.guards),
            hints=state.hints,
            wall=runtime.wall,
            entropy=runtime.entropy,
            changed=self._state_changed,
        )
        self._links = GuardLinks(
            runtime,
            self._dialer.dial,
            self._book,
            changed=self._links_changed,
            came_back=partial(self._keeper.refresh_soon, restarted=True),
        )
        self._second_hops = SecondHops(
            middles=self._book.middles, hints=self._hints, entropy=runtime.entropy
        )
        self._tunnels = Tunnels(
            settings.network,
            runtime,
            links=self._links,
            second_hops=self._second_hops,
            hints=self._hints,
            view=self._keeper.view,
        )
        self._sending = PacketSender(
            self.profile,
            runtime,
            hops=settings.path_hops,
            hints=self._hints,
            book=self._book,
            links=self._links,
            tunnels=self._tunnels,
            view=self._keeper.view,
            refresh_soon=self._keeper.refresh_soon,
        )
        self._sources = SnapshotSources(
            settings.bootstraps,
            dialer=self._dialer,
            links=self._links,
            tunnels=self._tunnels,
            hints=self._hints,
            entropy=runtime.entropy,
        )
        self._keeper.client.restore(state.descriptors, state.proofs)
        self._keeper.view()

    async def run(self) -> None:
        """Keep guards connected and the snapshot fresh, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tunnels.run)
            nursery.start_soon(self._links.run)
            nursery.start_soon(self._keeper.run, self._sources)
            nursery.start_soon(self._sending.run)
            nursery.start_soon(self._save_changes)

    async def connected(self) -> None:
        """Return once a snapshot is accepted and at least one guard is connected."""
        while not (self._keeper.view().relays and self._links.connected()):
            await self._changes.park()

    def descriptors(self) -> Mapping[NodeId, Descriptor]:
        """Return the relays usable for new paths now."""
        return self._keeper.view().relays

    def guards(self) -> tuple[NodeId, ...]:
        """Return the guards in use."""
        return self._book.in_use()

    def connected_guards(self) -> tuple[NodeId, ...]:
        """Return the guards with a live link."""
        return self._links.connected()

    def status(self) -> NetworkStatus:
        """Return what an owner is told."""
        known = len(self._keeper.view().relays)
        connected = len(self._links.connected())
        tunnels: Literal["full", "reduced", "none"] = "none"
        if connected and known >= MIN_RELAYS:
            tunnels = "full" if known >= MIN_FULL_RELAYS else "reduced"
        findings = self._sending.health.findings()
        return NetworkStatus(known, connected, tunnels, tuple(self._notes(known)), findings)

    def own_mailboxes(self, relays: Collection[NodeId]) -> None:
        """Keep these relays out of the middle of own paths and guards, where possible."""
        own = self._sending.own_mailboxes = frozenset(relays)
        self._book.own_mailboxes_changed(own)

    def tunnel(self, node_id: NodeId) -> AbstractAsyncContextManager[Connection]:
        """A short-lived question tunnel to a relay, closed at the end of the block.

        Raises UnavailableError or TransportError.
        """
        return self._tunnels.question(node_id)

    async def open_tunnel(
        self, node_id: NodeId, handlers: Handlers, nursery: trio.Nursery
    ) -> Connection:
        """Open a long-lived tunnel; the caller closes it.

        Raises UnavailableError or TransportError.
        """
        return await self._tunnels.lasting(node_id, handlers, nursery)

    def loops_end_at(self, ack_points: Callable[[], Mapping[NodeId, SendId]]) -> None:
        """Let loops come back to where `ack_points` are."""
        self._sending.loop_ends = ack_points

    def when_relays_restart(self, told: Callable[[Collection[NodeId]], None]) -> None:
        """Call `told` with relays of which a newer boot is known now."""
        self._sending.on_restarts = told

    def collecting(self, relay: NodeId, *, begins: bool) -> None:
        """A mailbox of ours at a relay is collected from now on, or no longer."""
        self._sending.collecting(relay, begins=begins)

    def confirmation_delay(self) -> float:
        """Draw how long the profile lets a confirmation wait, in seconds."""
        return self._sending.confirmation_delay()

    def has_room(self, *, large: bool) -> bool:
        """Whether the next packet of a class would leave soon; always, where nothing is shaped."""
        return self._sending.has_room(large=large)

    def send(
        self,
        relay: NodeId,
        service: int,
        payload: bytes,
        *,
        large: bool,
        token: bytes | None = None,
    ) -> tuple[NodeId, ...]:
        """Wrap `payload` over a fresh path that ends at `relay`, queue it, return its hops.

        `token` is that of the compact ack inside, if there is one. Raises UnavailableError
        (no path, no guard) or TransportError (queues full).
        """
        return self._sending.send(relay, service, payload, large=large, token=token)

    def ack_route(
        self, delivery: NodeId, ack_points: Mapping[NodeId, SendId], token: bytes
    ) -> AckRoute:
        """Prebuild a compact ack with a 32-byte `token` that ends at one of `ack_points`.

        Raises UnavailableError if there is no path.
        """
        return self._sending.ack_route(delivery, ack_points, token)

    def token_returned(self, token: bytes) -> bool:
        """Take note of a token; True if it was a loop's, and is nobody else's business."""
        return self._sending.token_returned(token)

    def report_lost(self, hops: tuple[NodeId, ...], token: bytes | None = None) -> None:
        """No sign came of a packet sent over `hops`, nor the ack with `token`."""
        self._sending.report_lost(hops, token)

    def report_arrived(self, hops: tuple[NodeId, ...], token: bytes | None = None) -> None:
        """A packet sent over `hops` arrived; with `token`, so did its ack."""
        self._sending.report_arrived(hops, token)

    def relay_restarted(self) -> None:
        """A link or tunnel that served has ended, so that a relay may have new keys."""
        self._keeper.refresh_soon(restarted=True)

    def refresh_soon(self) -> None:
        """Refresh the snapshot; something in it may be old. At most one a minute on average."""
        self._keeper.refresh_soon()

    def unit_sizes(self) -> frozenset[int]:
        """Every client-link unit size seen so far, over all connections of this life."""
        return self._dialer.unit_sizes()

    # What happens inside.

    def _view_changed(self, view: RelayView) -> None:
        self._book.view_changed(view)
        self._sending.view_changed(view)
        self._links.look_again()
        self._state_changed()
        self._links_changed()

    def _links_changed(self) -> None:
        self._sending.links_changed()
        self._changes.unpark_all()
        self._sources.changes.unpark_all()
        self._tunnels.changed()

    def _state_changed(self) -> None:
        self._unsaved.set()

    def _load(self, data: bytes | None) -> NetworkState:
        """Read the stored state; one of another network, or a damaged one, is started anew."""
        if data is None:
            return _EMPTY
        try:
            state = decode_network_state(data)
            GuardState.from_value(state.guards)
        except RemoteProtocolError:
            self._damaged = True
            return _EMPTY
        return state if state.network == self._network_id else _EMPTY

    async def _save_changes(self) -> None:
        while True:
            await self._unsaved.wait()
            if self._saved:
                await trio.sleep(_SAVE_SECONDS)
            # The first time at once: a new node may die, and its bootstraps with it.
            self._unsaved = trio.Event()
            if not self._keeper.view().relays or self._keeper.unverified:
                continue
            state = encode_network_state(self._state())
            if state != self._saved:
                await until_stored(partial(self._save_state, state))
                self._saved = state

    def _state(self) -> NetworkState:
        return NetworkState(
            self._network_id,
            self._book.state.to_value(),
            self._book.hints(),
            tuple(item.raw for item in self._keeper.client.descriptors().values()),
            tuple((proof.first, proof.second) for proof in self._keeper.client.proofs()),
        )

    def _notes(self, known: int) -> list[str]:
        notes = {
            "the list of relays is unverified: add a second bootstrap": self._keeper.unverified,
            f"only {known} relays are known; at least {MIN_RELAYS} are needed": known < MIN_RELAYS,
            "a relay left other relays out of its snapshot": self._keeper.omitting,
            "the stored guards were damaged; new ones were chosen": self._damaged,
            "one of your mailboxes is at one of your guards; add relays for full protection": bool(
                self._sending.own_mailboxes.intersection(self._book.in_use())
            ),
            "a tunnel passes two relays of one operator or address range": (
                self._second_hops.related
            ),
        }
        found = [note for note, holds in notes.items() if holds]
        if clock := clock_note(self._keeper.client.hours_ahead):
            found.append(clock)
        if relaxed := relaxed_note(known, self._sending.relaxed):
            found.append(relaxed)
        alarm = self._sending.health.alarm
        if alarm.active:
            found.append(
                f"{alarm.lost} of the last {alarm.counted} packets that this node sent to itself "
                "did not come back: an attacker may be holding traffic back to watch you"
            )
        return found

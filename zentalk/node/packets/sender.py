"""Packets on their way out: over which guard, when, and what is heard of them.

Spec: docs/spec/onion.md sections 9, 13 and 14. In profile `strong` everything leaves at
the ticks of `cover`, in the others at once. It must never shorten a path or let what gets
lost bring in a guard or second hop from elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import trio

from zentalk.errors import TransportError, UnavailableError
from zentalk.ids import NodeId, SendId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.cover_traffic import Cover, CoverPacket
from zentalk.node.packets.path_builder import PathBuilder, PathStart
from zentalk.node.profiles import PrivacyProfile
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.guard_links import GuardLinks
from zentalk.node.tunnels.guard_selection import GuardSelection
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.draw import draw_delay_ms, pick, sample
from zentalk.onion.geometry import MAX_HOPS, TOKEN_BYTES
from zentalk.onion.packet import ACK_TOKEN, DROP, DeliveryPlaintext
from zentalk.wire.deposit import AckRoute
from zentalk.wire.rpc_mailbox import encode_token_payload

_LOOK_SECONDS: Final = 10.0


class PacketSender:
    """All packets of one node. `run` must be running for shaped ones to leave.

    `own_mailboxes` are kept out of the middle where possible; `loop_ends` are the ack
    points of those that are registered. `refresh_soon` asks for a newer snapshot;
    `on_restarts` is called with relays that have new keys in one.
    """

    def __init__(
        self,
        profile: PrivacyProfile,
        runtime: Runtime,
        *,
        hops: int,
        hints: RelayScores,
        book: GuardSelection,
        links: GuardLinks,
        tunnels: Tunnels,
        view: Callable[[], RelayView],
        refresh_soon: Callable[[], None],
    ) -> None:
        self.own_mailboxes: frozenset[NodeId] = frozenset()
        self.loop_ends: Callable[[], Mapping[NodeId, SendId]] = dict
        self.on_restarts: Callable[[Collection[NodeId]], None] = lambda _relays: None
        self.health = LossDetector(profile.probe_seconds)
        self._profile = profile
        self._runtime = runtime
        self._hops = hops
        self._hints = hints
        self._guard_hints = RelayScores()
        self._book = book
        self._links = links
        self._tunnels = tunnels
        self._view = view
        self._refresh_soon = refresh_soon
        self._linked: frozenset[NodeId] = frozenset()
        self._boots: dict[NodeId, int] = {}
        self._collected: Counter[NodeId] = Counter()
        self._paths = PathBuilder(
            mean_delay_ms=profile.hop_delay_ms,
            hops=hops,
            hints=hints,
            health=self.health,
            entropy=runtime.entropy,
        )
        self._cover: Cover | None = None
        if profile.shape is not None:
            self._cover = Cover(
                runtime,
                profile.shape,
                guards=links.connected,
                send=self._hand_over,
                make=self._make,
            )

    async def run(self) -> None:
        """Tick, and settle the fate of what was sent, until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._cover is not None:
                nursery.start_soon(self._cover.run)
            while True:
                await trio.sleep(_LOOK_SECONDS)
                now = self._runtime.monotonic()
                self.health.tick(now, self._collected)
                if self.health.loop_overdue(now):
                    self._refresh_soon()

    # What is sent.

    @property
    def relaxed(self) -> frozenset[str]:
        """The path rules that could not be kept."""
        return frozenset(self._paths.relaxed)

    def has_room(self, *, large: bool) -> bool:
        """Whether the next packet of a class would leave soon."""
        return self._cover is None or self._cover.has_room(large=large)

    def confirmation_delay(self) -> float:
        """Draw how long a confirmation is to wait, in seconds."""
        mean_ms = round(self._profile.confirmation_seconds * 1000)
        return draw_delay_ms(mean_ms, self._runtime.entropy) / 1000

    def send(
        self, relay: NodeId, service: int, payload: bytes, *, large: bool, token: bytes | None
    ) -> tuple[NodeId, ...]:
        """Wrap a payload over a fresh path, let it leave or wait for a tick, return its hops.

        `token` is that of the compact ack inside. Raises UnavailableError (no path, no
        guard) or TransportError (queues full).
        """
        delivery = DeliveryPlaintext(service, payload)
        for guard in self._guards_to(relay):
            packet, hops = self._packet(guard, relay, delivery, large=large)
            left = partial(self._left, token, hops)
            if self._cover is not None:
                if self._cover.put(CoverPacket(guard, packet, left), large=large):
                    return hops
            elif self._hand_over(guard, packet):
                left()
                return hops
        raise TransportError("the links to all guards are full")

    def ack_route(
        self, delivery: NodeId, ack_points: Mapping[NodeId, SendId], token: bytes
    ) -> AckRoute:
        """Prebuild a compact ack; raises UnavailableError if there is no path."""
        now = self._runtime.monotonic()
        return self._paths.ack(self._view(), delivery, ack_points, token, now)

    # What is heard.

    def token_returned(self, token: bytes) -> bool:
        """A token has come; True if it was that of a loop."""
        return self.health.returned(token, self._runtime.monotonic())

    def report_lost(self, hops: tuple[NodeId, ...], token: bytes | None) -> None:
        """No sign came of a packet sent over `hops`, nor the ack with `token`."""
        ack_hops = self._paths.take_ack_path(token)
        now = self._runtime.monotonic()
        self._hints.lost(hops, ack_hops, now)
        self._guard_hints.lost(hops[:1], (), now)

    def report_arrived(self, hops: tuple[NodeId, ...], token: bytes | None) -> None:
        """A packet sent over `hops` arrived; with `token`, so did its ack."""
        ack_hops = self._paths.take_ack_path(token)
        now = self._runtime.monotonic()
        self._hints.arrived((*hops, *ack_hops), now)
        self._guard_hints.arrived(hops[:1], now)
        if token is None:
            self.health.confirmed(hops)

    def collecting(self, relay: NodeId, *, begins: bool) -> None:
        """A mailbox of ours is collected from now on, or no longer."""
        self._collected[relay] += 1 if begins else -1
        if self._collected[relay] <= 0:
            del self._collected[relay]

    def links_changed(self) -> None:
        """A link to a guard has come or gone."""
        linked = frozenset(self._links.connected())
        now = self._runtime.monotonic()
        for guard in self._linked - linked:
            self.health.link_broke(guard, now)
        if self._linked and not linked:
            self.health.went_offline()
        self._linked = linked

    def view_changed(self, view: RelayView) -> None:
        """There is a new snapshot: relays that restarted begin with a clean slate."""
        boots = {node_id: descriptor.boot for node_id, descriptor in view.relays.items()}
        restarted = [n for n, boot in boots.items() if self._boots.get(n, boot) != boot]
        for node_id in restarted:
            self.health.restarted(node_id)
            self._hints.restarted(node_id)
            self._guard_hints.restarted(node_id)
        self._boots = boots
        if restarted:
            self.on_restarts(restarted)

    # What happens inside.

    def _guards_to(self, relay: NodeId) -> Sequence[NodeId]:
        """Return the guards that a path to a relay can start at, the best first.

        A link can be dead for a minute before it is noticed: those last over which packets
        get lost. Before them those of the same operator or /16 as the relay.
        """
        view = self._view()
        guards = [g for g in self._links.connected() if g != relay and g in view.relays]
        if not guards:
            raise UnavailableError("no guard is connected that a path to this relay can start at")
        if len(guards) == 1:
            return guards
        drawn = sample(guards, len(guards), self._runtime.entropy)
        suspects = self._guard_hints.suspects(self._runtime.monotonic())
        return sorted(drawn, key=lambda g: (g in suspects, view.related((g, relay))))

    def _packet(
        self,
        guard: NodeId,
        relay: NodeId,
        delivery: DeliveryPlaintext,
        *,
        large: bool,
        length: int = 0,
    ) -> tuple[bytes, tuple[NodeId, ...]]:
        connected = self._links.connected()
        return self._paths.packet(
            self._view(),
            PathStart(guard, self._book.middles(guard)),
            relay,
            delivery,
            large=large,
            avoid=self.own_mailboxes.union(connected),
            now=self._runtime.monotonic(),
            alive=self._tunnels.relays_of_lasting().union(connected),
            length=length,
        )

    def _hand_over(self, guard: NodeId, packet: bytes) -> bool:
        link = self._links.link(guard)
        return link is not None and link.send_packet(packet)

    def _left(
        self, token: bytes | None, hops: tuple[NodeId, ...], *, is_loop: bool = False
    ) -> None:
        if token is not None:
            ack_hops = () if is_loop else self._paths.ack_path(token)
            self.health.sent(token, hops, ack_hops, self._runtime.monotonic(), is_loop=is_loop)

    def _make(self, guard: NodeId, large: bool, is_loop: bool) -> CoverPacket | None:
        """Make a loop, or a packet for nobody where no loop is wanted or possible."""
        drop = partial(self._drop, large=large)
        for make in (self._loop, drop) if is_loop else (drop,):
            with suppress(UnavailableError):
                return make(guard)
        return None

    def _loop(self, guard: NodeId) -> CoverPacket:
        """A token to ourselves, over as many relays as a path can have."""
        points = self.loop_ends()
        view = self._view()
        ends = [r for r in points if r in view.relays and r in self._collected and r != guard]
        if not ends:
            raise UnavailableError("no mailbox is collected that a loop can end at")
        home = pick(ends, self._runtime.entropy)
        token = self._runtime.entropy(TOKEN_BYTES)
        delivery = DeliveryPlaintext(ACK_TOKEN, encode_token_payload(points[home], token))
        length = min(MAX_HOPS, len(view.relays))
        packet, hops = self._packet(guard, home, delivery, large=False, length=length)
        return CoverPacket(guard, packet, partial(self._left, token, hops, is_loop=True))

    def _drop(self, guard: NodeId, *, large: bool) -> CoverPacket:
        relays = sorted(self._view().relays.keys() - {guard})
        if not relays:
            raise UnavailableError("there is no relay to send cover to")
        relay = pick(relays, self._runtime.entropy)
        packet, _ = self._packet(
            guard, relay, DeliveryPlaintext(DROP, b""), large=large, length=self._hops
        )
        return CoverPacket(guard, packet)

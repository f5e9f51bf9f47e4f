"""Packets on their way out: over which guard, and when.

Spec: docs/spec/onion.md sections 9, 13 and 14. In profile `strong` everything leaves at
the ticks of `cover_traffic`, in the others at once. It must never shorten a path or let what gets
lost bring in a guard or second hop from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio

from zentalk.errors import TransportError, UnavailableError
from zentalk.ids import NodeId, SendId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.ack_points import AckPoints
from zentalk.node.packets.cover_traffic import CoverTraffic
from zentalk.node.packets.fates import PacketFates
from zentalk.node.packets.path_builder import PathBuilder
from zentalk.node.packets.waiting import OutboundPacket, WaitingPackets
from zentalk.node.profiles import PrivacyProfile
from zentalk.node.relays.view import CurrentRelays, RelayView
from zentalk.node.tunnels.guard_selection import PathStart
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.draw import draw_delay_ms, pick, sample
from zentalk.onion.geometry import MAX_HOPS, TOKEN_BYTES
from zentalk.onion.packet import ACK_TOKEN, DROP, DeliveryPlaintext
from zentalk.onion.path import Rule
from zentalk.wire.deposit import AckRoute
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.rpc_mailbox import encode_token_payload


class PacketSender:
    """All packets of one node. `run` must be running for shaped ones to leave.

    `own_mailboxes` are kept out of the middle where possible; loops end at `ack_points`, those
    of our mailboxes that are registered.
    """

    def __init__(
        self, profile: PrivacyProfile, runtime: Runtime, tunnels: Tunnels, relays: CurrentRelays
    ) -> None:
        self.own_mailboxes: frozenset[NodeId] = frozenset()
        self.ack_points = AckPoints()
        self.fates = PacketFates(profile.probe_seconds, runtime, tunnels, relays)
        self._losses = self.fates.losses
        self._profile = profile
        self._runtime = runtime
        self._entropy = runtime.entropy
        self._tunnels = tunnels
        self._links = tunnels.links
        self._relays = relays
        self._paths = PathBuilder(
            mean_delay_ms=profile.hop_delay_ms,
            hops=profile.path_hops,
            scores=tunnels.scores,
            losses=self.fates.losses,
            entropy=runtime.entropy,
        )
        self._waiting = None if profile.shape is None else WaitingPackets()

    async def run(self) -> None:
        """Tick, and settle the fate of what was sent, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.fates.run)
            if self._profile.shape is not None:
                cover = CoverTraffic(self._runtime, self._profile.shape, self)
                nursery.start_soon(cover.run)

    # What is sent.

    @property
    def relaxed(self) -> frozenset[Rule]:
        """The path rules that could not be kept."""
        return self._paths.relaxed

    def has_room(self, packet_class: PacketClass) -> bool:
        """Tell whether the next packet of a class would leave soon."""
        return self._waiting is None or self._waiting.has_room(packet_class)

    def confirmation_delay(self) -> float:
        """Draw how long a confirmation is to wait, in seconds."""
        mean_ms = round(self._profile.confirmation_seconds * 1000)
        return draw_delay_ms(mean_ms, self._entropy) / 1000

    def send(
        self,
        relay: NodeId,
        service: int,
        payload: bytes,
        *,
        packet_class: PacketClass = PacketClass.SMALL,
        token: bytes | None = None,
    ) -> tuple[NodeId, ...]:
        """Wrap a payload over a fresh path, let it leave or wait for a tick, return its hops.

        `token` is that of the compact ack inside, if there is one. Raises UnavailableError (no
        path, no guard) or TransportError (queues full).
        """
        view, now = self._relays.view(), self._runtime.monotonic()
        delivery = DeliveryPlaintext(service, payload)
        for start in self._starts_to(relay, view, now):
            packet = self._packet(
                view, start, relay, delivery, packet_class=packet_class, token=token
            )
            if self._waiting is None:
                gone = self.leave(packet)
            else:
                gone = self._waiting.put(packet, packet_class, now)
            if gone:
                return packet.hops
        raise TransportError("the links to all guards are full")

    def ack_route(
        self, delivery: NodeId, ack_points: Mapping[NodeId, SendId], token: bytes
    ) -> AckRoute:
        """Prebuild a compact ack with a 32-byte `token` that ends at one of `ack_points`.

        Raises UnavailableError if there is no path.
        """
        view, now = self._relays.view(), self._runtime.monotonic()
        route, hops = self._paths.ack(view, delivery, ack_points, token, now)
        self._losses.ack_made(token, hops)
        return route

    # What a tick needs.

    def connected_guards(self) -> Sequence[NodeId]:
        """Return the guards with a live link."""
        return self._links.connected()

    def take_waiting(self, guard: NodeId, packet_class: PacketClass) -> OutboundPacket | None:
        """Return the packet that has waited longest for a guard, if there is one."""
        now = self._runtime.monotonic()
        return None if self._waiting is None else self._waiting.take(guard, packet_class, now)

    def make_cover(
        self, guard: NodeId, packet_class: PacketClass, *, loop: bool
    ) -> OutboundPacket | None:
        """Make a loop, or a packet for nobody where no loop is wanted or possible."""
        start = PathStart(guard, self._links.selection.middles(guard))
        with suppress(UnavailableError):
            return (self._loop(start) if loop else None) or self._drop(start, packet_class)
        return None

    def leave(self, packet: OutboundPacket) -> bool:
        """Hand a packet to the link of its guard; False if it cannot go."""
        link = self._links.link(packet.guard)
        if link is None or not link.send_packet(packet.packet):
            return False
        if packet.token is not None:
            now = self._runtime.monotonic()
            self._losses.sent(packet.token, packet.hops, now, is_loop=packet.is_loop)
        return True

    # How packets are made.

    def _starts_to(self, relay: NodeId, view: RelayView, now: float) -> Sequence[PathStart]:
        """Return where a path to a relay can start, the best guard first.

        A link can be dead for a minute before it is noticed: those last over which packets
        get lost. Before them those of the same operator or /16 as the relay.
        """
        starts = [s for s in self._links.starts() if s.guard != relay and s.guard in view.relays]
        if not starts:
            raise UnavailableError("no guard is connected that a path to this relay can start at")
        if len(starts) == 1:
            return starts
        drawn = sample(starts, len(starts), self._entropy)
        suspects = self.fates.guard_scores.suspects(now)
        related = view.related_to(relay, [start.guard for start in starts])
        return sorted(drawn, key=lambda start: (start.guard in suspects, start.guard in related))

    def _packet(
        self,
        view: RelayView,
        start: PathStart,
        relay: NodeId,
        delivery: DeliveryPlaintext,
        *,
        packet_class: PacketClass,
        token: bytes | None = None,
        length: int = 0,
    ) -> OutboundPacket:
        connected = self._links.connected()
        packet, hops = self._paths.packet(
            view,
            start,
            relay,
            delivery,
            packet_class=packet_class,
            avoid=self.own_mailboxes.union(connected),
            now=self._runtime.monotonic(),
            alive=lambda: self._tunnels.relays_of_lasting().union(connected),
            length=length,
        )
        return OutboundPacket(
            start.guard, packet, hops, token, is_loop=delivery.service == ACK_TOKEN
        )

    def _loop(self, start: PathStart) -> OutboundPacket | None:
        """Make a token to ourselves, over as many relays as a path can have; None if it has no end.

        Only a mailbox that is collected brings it back.
        """
        points, view = self.ack_points.by_relay, self._relays.view()
        ends = [
            r for r in points if r in view.relays and r in self.fates.collected and r != start.guard
        ]
        if not ends:
            return None
        home = pick(ends, self._entropy)
        token = self._entropy(TOKEN_BYTES)
        delivery = DeliveryPlaintext(ACK_TOKEN, encode_token_payload(points[home], token))
        length = min(MAX_HOPS, len(view.relays))
        with suppress(UnavailableError):
            return self._packet(
                view,
                start,
                home,
                delivery,
                packet_class=PacketClass.SMALL,
                token=token,
                length=length,
            )
        return None

    def _drop(self, start: PathStart, packet_class: PacketClass) -> OutboundPacket:
        """Make a packet for nobody; raises UnavailableError if there is no path."""
        view = self._relays.view()
        relays = sorted(view.relays.keys() - {start.guard})
        if not relays:
            raise UnavailableError("there is no relay to send cover to")
        relay = pick(relays, self._entropy)
        delivery = DeliveryPlaintext(DROP, b"")
        length = self._profile.path_hops
        return self._packet(view, start, relay, delivery, packet_class=packet_class, length=length)

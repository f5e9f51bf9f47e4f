"""Packets on their way out: over which guard, and when.

Spec: docs/spec/onion.md sections 9, 13 and 14. In profile `strong` everything leaves at
the ticks of `cover_traffic`, in the others at once. It must never shorten a path or let what gets
lost bring in a guard or second hop from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import trio

from zentalk.errors import TransportError, UnavailableError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.packets.ack_points import AckPoints
from zentalk.node.packets.cover_traffic import CoverTraffic
from zentalk.node.packets.fates import PacketFates
from zentalk.node.packets.path_builder import PathBuilder
from zentalk.node.packets.waiting import OutboundPacket, WaitingPackets
from zentalk.node.packets.wishes import Outlook, Wish
from zentalk.node.profiles import PrivacyProfile
from zentalk.node.relays.view import CurrentRelays
from zentalk.node.tunnels.guard_selection import PathStart
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.draw import draw_delay_ms, pick, sample
from zentalk.onion.geometry import MAX_HOPS, TOKEN_BYTES
from zentalk.onion.packet import ACK_TOKEN, DEPOSIT, DROP, DeliveryPlaintext
from zentalk.onion.path import Rule
from zentalk.wire.deposit import ACK_BYTES, Deposit, encode_deposit, envelope_class
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.rpc_mailbox import encode_token_payload

LOOK_SECONDS: Final = 5.0
"""After a link has refused a packet: most never do, and then nobody has to look."""


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
        self._look_until = 0.0
        """Until when it is looked whether links have room; 0 while none has refused a packet."""

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

    def has_room(self, packet_class: PacketClass, relay: NodeId) -> bool:
        """Tell whether the next packet of a class to a relay would leave soon.

        Without a guard at which its path can start, yes: that is told when it is tried.
        """
        if self._waiting is not None:
            return self._waiting.has_room(packet_class)
        if not self._look_until:
            return True
        if self._look_until <= self._runtime.monotonic():
            self._look_until = 0.0
        able = [guard for guard in self._links.connected() if guard != relay]
        size = packet_class.packet_bytes
        return not able or any(self._links.takes(guard, size) for guard in able)

    def confirmation_delay(self) -> float:
        """Draw how long a confirmation is to wait, in seconds."""
        mean_ms = round(self._profile.confirmation_seconds * 1000)
        return draw_delay_ms(mean_ms, self._entropy) / 1000

    def send_deposit(
        self, relay: NodeId, deposit: Deposit, token: bytes | None
    ) -> tuple[tuple[NodeId, ...], bytes | None]:
        """Send a deposit to a relay; return its hops, and the token if it asks for an ack.

        With a `token` it does, if there is a mailbox of ours at which the ack can end. Raises
        UnavailableError (no path, no guard) or TransportError (queues full).
        """
        outlook, points = self._outlook(), self.ack_points.by_relay
        ack_hops: tuple[NodeId, ...] = ()
        if token is None or not points:
            token, filler = None, self._entropy(ACK_BYTES)
        else:
            ack, ack_hops = self._paths.ack(outlook, relay, points, token)
            deposit, filler = replace(deposit, ack=ack), b""
        hops = self.send(
            relay,
            DEPOSIT,
            encode_deposit(deposit, filler),
            packet_class=envelope_class(deposit.envelope),
            token=token,
            ack_hops=ack_hops,
            outlook=outlook,
        )
        return hops, token

    def send(
        self,
        relay: NodeId,
        service: int,
        payload: bytes,
        *,
        packet_class: PacketClass = PacketClass.SMALL,
        token: bytes | None = None,
        ack_hops: tuple[NodeId, ...] = (),
        outlook: Outlook | None = None,
    ) -> tuple[NodeId, ...]:
        """Wrap a payload over a fresh path, let it leave or wait for a tick, return its hops.

        `token` is that of the compact ack inside, if there is one, and `ack_hops` its path;
        `outlook` saves a look. Raises UnavailableError or TransportError, as `send_deposit`.
        """
        outlook = outlook or self._outlook()
        delivery = DeliveryPlaintext(service, payload)
        starts = self._starts_to(relay, outlook)
        if self._look_until:
            size = packet_class.packet_bytes
            starts = sorted(starts, key=lambda start: not self._links.takes(start.guard, size))
        wish = self._wish(outlook, relay, starts)
        for made, hops in self._paths.packets(outlook, wish, delivery, packet_class):
            packet = OutboundPacket(hops[0], made, hops, token, ack_hops)
            if self._waiting is None:
                gone = self.leave(packet)
            else:
                gone = self._waiting.put(packet, packet_class, outlook.now)
            if gone:
                return packet.hops
        raise TransportError("the links to all guards are full")

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
        start, outlook = PathStart(guard, self._links.selection.middles(guard)), self._outlook()
        with suppress(UnavailableError):
            made = self._loop(outlook, start) if loop else None
            return made or self._drop(outlook, start, packet_class)
        return None

    def leave(self, packet: OutboundPacket) -> bool:
        """Hand a packet to the link of its guard; False if it cannot go."""
        if not self._links.send_packet(packet.guard, packet.packet):
            self._look_until = self._runtime.monotonic() + LOOK_SECONDS
            return False
        if packet.token is not None:
            now = self._runtime.monotonic()
            self._losses.sent(
                packet.token, packet.hops, now, ack_hops=packet.ack_hops, is_loop=packet.is_loop
            )
        return True

    # How packets are made.

    def _outlook(self) -> Outlook:
        now = self._runtime.monotonic()
        view, starts = self._relays.view(), self._links.starts()
        return Outlook(view, starts, self._tunnels.scores.suspects(now), now)

    def _starts_to(self, relay: NodeId, outlook: Outlook) -> Sequence[PathStart]:
        """Return where a path to a relay can start, the best guard first.

        A link can be dead for a minute before it is noticed: those last over which packets
        get lost. Before them those of the same operator or /16 as the relay.
        """
        view = outlook.view
        starts = [s for s in outlook.starts if s.guard != relay and s.guard in view.relays]
        if not starts:
            raise UnavailableError("no guard is connected that a path to this relay can start at")
        if len(starts) == 1:
            return starts
        drawn = sample(starts, len(starts), self._entropy)
        suspects = self.fates.guard_scores.suspects(outlook.now)
        related = view.related_to(relay, [start.guard for start in starts])
        return sorted(drawn, key=lambda start: (start.guard in suspects, start.guard in related))

    def _wish(
        self, outlook: Outlook, relay: NodeId, starts: Sequence[PathStart], length: int = 0
    ) -> Wish:
        connected = {start.guard for start in outlook.starts}
        return Wish(
            relay,
            starts,
            avoid=self.own_mailboxes.union(connected),
            alive=lambda: self._tunnels.relays_of_lasting().union(connected),
            length=length,
            doubtful=self.fates.guard_scores.suspects(outlook.now),
        )

    def _cover(
        self, outlook: Outlook, wish: Wish, delivery: DeliveryPlaintext, packet_class: PacketClass
    ) -> OutboundPacket:
        made = self._paths.packets(outlook, wish, delivery, packet_class, is_cover=True)
        packet, hops = next(made)
        return OutboundPacket(hops[0], packet, hops)

    def _loop(self, outlook: Outlook, start: PathStart) -> OutboundPacket | None:
        """Make a token to ourselves, over as many relays as a path can have; None if it has no end.

        Only a mailbox that is collected brings it back.
        """
        points, relays = self.ack_points.by_relay, outlook.view.relays
        ends = [r for r in points if r in relays and r in self.fates.collected and r != start.guard]
        if not ends:
            return None
        home = pick(ends, self._entropy)
        token = self._entropy(TOKEN_BYTES)
        delivery = DeliveryPlaintext(ACK_TOKEN, encode_token_payload(points[home], token))
        length = min(MAX_HOPS, len(relays))
        with suppress(UnavailableError):
            wish = self._wish(outlook, home, (start,), length)
            made = self._cover(outlook, wish, delivery, PacketClass.SMALL)
            return replace(made, token=token, is_loop=True)
        return None

    def _drop(
        self, outlook: Outlook, start: PathStart, packet_class: PacketClass
    ) -> OutboundPacket:
        """Make a packet for nobody; raises UnavailableError if there is no path."""
        relays = sorted(outlook.view.relays.keys() - {start.guard})
        if not relays:
            raise UnavailableError("there is no relay to send cover to")
        relay = pick(relays, self._entropy)
        delivery = DeliveryPlaintext(DROP, b"")
        return self._cover(outlook, self._wish(outlook, relay, (start,)), delivery, packet_class)

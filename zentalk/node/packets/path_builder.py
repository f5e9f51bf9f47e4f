"""Builds the packets a node sends: draws a path, the lanes and the delays, and wraps.

Spec: docs/spec/onion.md sections 9 and 10. Which relays are allowed is the onion core's
business; this file only says which of them look alive. It must never shorten a path, and
never take a relay from elsewhere because those that are allowed look dead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId, SendId
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.guard_selection import PathStart
from zentalk.onion.ack import build_ack
from zentalk.onion.draw import draw_delays_ms, pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.geometry import GEOMETRIES
from zentalk.onion.packet import DeliveryPlaintext, Hop
from zentalk.onion.path import MIN_RELAYS, Path, Rule, choose_path, draw_ack_path
from zentalk.onion.wrap import wrap
from zentalk.wire.deposit import AckRoute
from zentalk.wire.packet_class import PacketClass

_MIN_ACK_CANDIDATES: Final = MIN_RELAYS + 1
"""Dead relays are left out of ack paths while this many others remain."""


class Outlook(NamedTuple):
    """What is known when a packet is made: relays, connected guards, and which look dead."""

    view: RelayView
    starts: tuple[PathStart, ...]
    suspects: frozenset[NodeId]
    now: float


class PathBuilder:
    """Wraps packets over fresh paths.

    The network was too small for the rules in `relaxed` when the last packet and the last ack
    were drawn.
    """

    def __init__(
        self,
        *,
        mean_delay_ms: int,
        hops: int,
        scores: RelayScores,
        losses: LossDetector,
        entropy: Entropy,
    ) -> None:
        self._mean_ms = mean_delay_ms
        self._length = hops
        self._scores = scores
        self._losses = losses
        self._entropy = entropy
        self._packet_relaxed: frozenset[Rule] = frozenset()
        self._ack_relaxed: frozenset[Rule] = frozenset()

    @property
    def relaxed(self) -> frozenset[Rule]:
        """The rules that could not be kept."""
        return self._packet_relaxed | self._ack_relaxed

    def packet(
        self,
        outlook: Outlook,
        start: PathStart,
        relay: NodeId,
        delivery: DeliveryPlaintext,
        *,
        packet_class: PacketClass,
        avoid: frozenset[NodeId],
        alive: Callable[[], Collection[NodeId]] = frozenset,
        length: int = 0,
    ) -> tuple[bytes, tuple[NodeId, ...]]:
        """Return a packet from a guard to `relay` and its hops; `avoid` stays out of the middle.

        `alive` returns relays with a live link, whatever got lost over them. A `length` is for
        cover: it is not held against the network if it is too small for that. Raises
        NoPathError.
        """
        view, suspects, lossy = outlook.view, outlook.suspects, self._losses.lossy
        ends = (relay, start.guard)
        middles = [m for m in start.middles if m in view.relays and m not in ends]
        lively: list[NodeId] = []
        if suspects or lossy:
            lively = self._lively_avoided(view, ends, middles, avoid, alive, suspects)
            if lively:
                middles, avoid = lively, avoid.difference(lively)
            elif len(middles) > 1:
                middles = list(self._scores.prefer(self._losses.prefer(middles), outlook.now))
            if not middles or (length or self._length) > MIN_RELAYS:
                # The second hop is drawn from `middles` and the others from all relays: keep bad
                # ones out of those, but not a sticky one that is the best there is.
                avoid = avoid | ((suspects | lossy) - frozenset(middles))
        path = choose_path(
            view.candidates,
            start.guard,
            relay,
            entropy=self._entropy,
            length=length or self._length,
            avoid=avoid,
            middles=middles,
        )
        if not length:
            self._packet_relaxed = path.relaxed | {"avoid"} if lively else path.relaxed
        hops = self._hops(view, path)
        return wrap(GEOMETRIES[packet_class], hops, delivery, self._entropy), path.hops

    def _lively_avoided(
        self,
        view: RelayView,
        ends: tuple[NodeId, NodeId],
        middles: Sequence[NodeId],
        avoid: frozenset[NodeId],
        alive: Callable[[], Collection[NodeId]],
        suspects: frozenset[NodeId],
    ) -> list[NodeId]:
        """Return sticky hops under `avoid` to take because all other relays look dead.

        In a small network the rule can leave nothing but a dead relay. In a large one nobody
        can make all others look dead.
        """
        if not suspects:
            return []
        suspects = suspects.difference(alive())
        if not suspects or not all(
            node_id in suspects or node_id in avoid or node_id in ends for node_id in view.relays
        ):
            return []
        return [middle for middle in middles if middle not in suspects]

    def ack(
        self,
        outlook: Outlook,
        delivery: NodeId,
        ack_points: Mapping[NodeId, SendId],
        token: bytes,
    ) -> tuple[AckRoute, tuple[NodeId, ...]]:
        """Prebuild a compact ack from `delivery` to one of our own mailbox relays.

        Returns it with its hops. Raises NoPathError.
        """
        path = self._draw_ack(outlook, delivery, list(ack_points))
        self._ack_relaxed = path.relaxed
        hops = self._hops(outlook.view, path)
        ack = build_ack(hops, ack_points[path.hops[-1]], token, self._entropy)
        return AckRoute(ack.first, ack.lane, ack.blob), path.hops

    def _draw_ack(self, outlook: Outlook, delivery: NodeId, homes: Sequence[NodeId]) -> Path:
        """Draw over the relays that look alive, over all if that gives no path.

        The first relay is uniform over both, guards or not, so it names none of ours.
        """
        candidates = outlook.view.candidates
        dead = (outlook.suspects | self._losses.lossy).intersection(outlook.view.relays)
        if dead and len(candidates) - len(dead) >= _MIN_ACK_CANDIDATES:
            try:
                return draw_ack_path(candidates, delivery, homes, self._entropy, without=dead)
            except NoPathError:
                pass  # our mailbox relays look dead: they are still the only ends there are
        return draw_ack_path(candidates, delivery, homes, self._entropy)

    def _hops(self, view: RelayView, path: Path) -> list[Hop]:
        hops = []
        delays = draw_delays_ms(self._mean_ms, len(path.hops), self._entropy)
        for node_id, delay_ms in zip(path.hops, delays, strict=True):
            lanes = view.keys[node_id]
            lane, mix_key = lanes[0] if len(lanes) == 1 else pick(lanes, self._entropy)
            hops.append(Hop(node_id, mix_key, view.epoch, lane, delay_ms))
        return hops

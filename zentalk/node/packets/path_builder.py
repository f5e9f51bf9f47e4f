"""Builds the packets a node sends: draws a path, the lanes and the delays, and wraps.

Spec: docs/spec/onion.md sections 9 and 10. Which relays are allowed is the onion core's
business; this file only says which of them look alive. It must never shorten a path, and
never take a relay from elsewhere because those that are allowed look dead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId, SendId
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.onion.ack import build_ack
from zentalk.onion.draw import draw_delay_ms, pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.geometry import LARGE, SMALL
from zentalk.onion.packet import DeliveryPlaintext, Hop
from zentalk.onion.path import MIN_RELAYS, Candidate, Path, Rule, choose_path, draw_ack_path
from zentalk.onion.wrap import wrap
from zentalk.wire.deposit import AckRoute

_MIN_ACK_CANDIDATES: Final = MIN_RELAYS + 1
"""Dead relays are left out of ack paths while this many others remain."""
_KEPT_ACK_PATHS: Final = 8192


@dataclass(frozen=True, slots=True)
class PathStart:
    """Where a packet starts: a guard and its sticky second hops."""

    guard: NodeId
    middles: tuple[NodeId, ...]


class PathBuilder:
    """Wraps packets over fresh paths; remembers the paths of acks by their token.

    The network was too small for the rules in `relaxed` when the last packet and the last ack
    were drawn.
    """

    def __init__(
        self,
        *,
        mean_delay_ms: int,
        hops: int,
        hints: RelayScores,
        health: LossDetector,
        entropy: Entropy,
    ) -> None:
        self._mean_ms = mean_delay_ms
        self._length = hops
        self._hints = hints
        self._health = health
        self._entropy = entropy
        self._ack_paths: dict[bytes, tuple[NodeId, ...]] = {}
        self._lively: (
            tuple[RelayView, frozenset[NodeId], frozenset[NodeId], Sequence[Candidate]] | None
        ) = None
        self._packet_relaxed: frozenset[Rule] = frozenset()
        self._ack_relaxed: frozenset[Rule] = frozenset()

    @property
    def relaxed(self) -> frozenset[Rule]:
        """The rules that could not be kept."""
        return self._packet_relaxed | self._ack_relaxed

    def packet(
        self,
        view: RelayView,
        entry: PathStart,
        relay: NodeId,
        delivery: DeliveryPlaintext,
        *,
        large: bool,
        avoid: frozenset[NodeId],
        now: float,
        alive: Collection[NodeId] = (),
        length: int = 0,
    ) -> tuple[bytes, tuple[NodeId, ...]]:
        """Return a packet from a guard to `relay` and its hops; `avoid` stays out of the middle.

        `alive` are relays with a live link, whatever got lost over them. A `length` is for
        cover: it is not held against the network if it is too small for that. Raises
        NoPathError.
        """
        ends = (relay, entry.guard)
        middles = [m for m in entry.middles if m in view.relays and m not in ends]
        lively = self._lively_avoided(view, ends, middles, avoid, alive, now)
        if lively:
            middles, avoid = lively, avoid.difference(lively)
        elif len(middles) > 1:
            middles = list(self._hints.prefer(self._health.prefer(middles), now))
        if not middles or (length or self._length) > MIN_RELAYS:
            # The second hop is drawn from `middles` and the others from all relays: keep bad
            # ones out of those, but not a sticky one that is the best there is.
            bad = self._hints.suspects(now) | self._health.lossy()
            avoid = avoid | (bad - frozenset(middles))
        path = choose_path(
            view.candidates,
            entry.guard,
            relay,
            entropy=self._entropy,
            length=length or self._length,
            avoid=avoid,
            middles=middles,
        )
        if not length:
            self._packet_relaxed = path.relaxed | {"avoid"} if lively else path.relaxed
        geometry = LARGE if large else SMALL
        return wrap(geometry, self._hops(view, path), delivery, self._entropy), path.hops

    def _lively_avoided(
        self,
        view: RelayView,
        ends: tuple[NodeId, NodeId],
        middles: Sequence[NodeId],
        avoid: frozenset[NodeId],
        alive: Collection[NodeId],
        now: float,
    ) -> list[NodeId]:
        """Return sticky hops under `avoid` to take because all other relays look dead.

        In a small network the rule can leave nothing but a dead relay. In a large one nobody
        can make all others look dead.
        """
        suspects = self._hints.suspects(now).difference(alive)
        if not suspects or not all(
            node_id in suspects or node_id in avoid or node_id in ends for node_id in view.relays
        ):
            return []
        return [middle for middle in middles if middle not in suspects]

    def ack(
        self,
        view: RelayView,
        delivery: NodeId,
        ack_points: Mapping[NodeId, SendId],
        token: bytes,
        now: float,
    ) -> AckRoute:
        """Prebuild a compact ack from `delivery` to one of our own mailbox relays.

        Raises NoPathError.
        """
        path = self._draw_ack(view, delivery, list(ack_points), now)
        self._ack_relaxed = path.relaxed
        hops = self._hops(view, path)
        ack = build_ack(hops, ack_points[path.hops[-1]], token, self._entropy)
        self._ack_paths[token] = path.hops
        if len(self._ack_paths) > _KEPT_ACK_PATHS:
            del self._ack_paths[next(iter(self._ack_paths))]
        return AckRoute(ack.first, ack.lane, ack.blob)

    def ack_path(self, token: bytes) -> tuple[NodeId, ...]:
        """Return the path of the ack with this token; () if it is not known."""
        return self._ack_paths.get(token, ())

    def take_ack_path(self, token: bytes | None) -> tuple[NodeId, ...]:
        """Return the path of the ack with this token and forget it; () if it is not known."""
        return self._ack_paths.pop(token, ()) if token is not None else ()

    def _draw_ack(
        self, view: RelayView, delivery: NodeId, homes: Sequence[NodeId], now: float
    ) -> Path:
        """Draw over the relays that look alive, over all if that gives no path.

        The first relay is uniform over both, guards or not, so it names none of ours.
        """
        lively = self._lively_candidates(view, now)
        if len(lively) < len(view.candidates):
            try:
                return draw_ack_path(lively, delivery, homes, self._entropy)
            except NoPathError:
                pass  # our mailbox relays look dead: they are still the only ends there are
        return draw_ack_path(view.candidates, delivery, homes, self._entropy)

    def _lively_candidates(self, view: RelayView, now: float) -> Sequence[Candidate]:
        suspects, lossy = self._hints.suspects(now), self._health.lossy()
        if not suspects and not lossy:
            return view.candidates
        known = self._lively
        if known is None or any(
            new is not old for new, old in zip((view, suspects, lossy), known[:3], strict=True)
        ):
            lively = [c for c in view.candidates if c.node_id not in suspects | lossy]
            enough = len(lively) >= _MIN_ACK_CANDIDATES
            known = (view, suspects, lossy, lively if enough else view.candidates)
            self._lively = known
        return known[3]

    def _hops(self, view: RelayView, path: Path) -> list[Hop]:
        hops = []
        for node_id in path.hops:
            lanes = view.keys[node_id]
            lane, mix_key = lanes[0] if len(lanes) == 1 else pick(lanes, self._entropy)
            delay_ms = draw_delay_ms(self._mean_ms, self._entropy)
            hops.append(Hop(node_id, mix_key, view.epoch, lane, delay_ms))
        return hops

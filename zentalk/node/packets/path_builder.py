"""Builds the packets a node sends: over which relays, the lanes and the delays, and wraps.

Spec: docs/spec/onion.md sections 9 and 10. Which relays are allowed is the onion core's business;
this file says how long a path is, from which of the connected guards it starts, and which relays
look alive. The hop before the end is drawn before all that, and nothing this node has seen of
relays may move it. It must never shorten a path, and never
take a relay from elsewhere because those that are allowed look dead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId, SendId
from zentalk.node.packets.wishes import Outlook, Wish
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.guard_selection import PathStart
from zentalk.onion.ack import build_ack
from zentalk.onion.draw import draw_delays_ms, pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.geometry import GEOMETRIES, SHORT_HOPS
from zentalk.onion.packet import DeliveryPlaintext, Hop
from zentalk.onion.path import MIN_RELAYS, Path, Rule, choose_path, draw_ack_path, draw_before
from zentalk.onion.wrap import wrap
from zentalk.wire.deposit import AckRoute
from zentalk.wire.packet_class import PacketClass

_MIN_ACK_CANDIDATES: Final = MIN_RELAYS + 1
"""Dead relays are left out of ack paths while this many others remain."""


_WEIGHTS: Final[Mapping[Rule, int]] = {
    "boots": 1,
    "subnet": 2,
    "avoid": 4,
    "family": 8,
    "sticky": 16,
}
"""What a path over one guard may break less of than one over the other."""


class PathChoice:
    """Chooses paths of `hops` relays where the network is large enough for that."""

    def __init__(
        self, *, hops: int, scores: RelayScores, losses: LossDetector, entropy: Entropy
    ) -> None:
        self._hops = hops
        self._scores = scores
        self._losses = losses
        self._entropy = entropy

    def usual_length(self, view: RelayView) -> int:
        """Return how many relays a packet passes: fewer in a small network."""
        return self._hops if view.is_full else SHORT_HOPS

    def paths(self, outlook: Outlook, wish: Wish) -> Iterator[Path]:
        """Yield the path to take, and then those to take if its guard has no room.

        All have the same hop before the end: another draw because of a guard would favour the rest.
        Raises NoPathError.
        """
        length = wish.length or self.usual_length(outlook.view)
        if length <= SHORT_HOPS:
            for start in wish.starts:
                yield self._path(outlook, wish, start, length, None)
            return
        before, starts, uneven = self._draw(outlook, wish)
        others: list[tuple[tuple[bool, int], Path]] = []
        for start in starts:
            path = self._path(outlook, wish, start, length, before)
            rank = start.guard in wish.doubtful, sum(_WEIGHTS[rule] for rule in path.relaxed)
            if uneven:
                path = Path(path.hops, path.relaxed | {"drawn"})
            if rank == (False, 0):
                yield path
            else:
                others.append((rank, path))
        yield from (path for _, path in sorted(others, key=lambda other: other[0]))

    def _draw(self, outlook: Outlook, wish: Wish) -> tuple[NodeId, Sequence[PathStart], bool]:
        """Draw the hop before the end; return it with the starts left, and whether it is uneven."""
        candidates = outlook.view.candidates
        before = draw_before(candidates, wish.relay, self._entropy)
        starts = [start for start in wish.starts if start.guard != before]
        if starts:
            return before, starts, False
        # A tick has drawn the guard already. With the other one in its place, each of the two is
        # the hop before the end as often as any other relay.
        for other in outlook.starts:
            guard = other.guard
            if guard in (before, wish.relay) or guard not in candidates.by_id:
                continue
            if not outlook.view.related((guard, wish.relay)):
                return guard, wish.starts, False
        guards = frozenset(start.guard for start in wish.starts)
        before = draw_before(candidates, wish.relay, self._entropy, without=guards)
        return before, wish.starts, True

    def _path(
        self, outlook: Outlook, wish: Wish, start: PathStart, length: int, before: NodeId | None
    ) -> Path:
        """Choose the rest of a path from a guard; raises NoPathError."""
        view, avoid = outlook.view, wish.avoid
        given = (start.guard, before, wish.relay)
        middles = [m for m in start.middles if m in view.relays and m not in given]
        lively: list[NodeId] = []
        suspects, lossy = outlook.suspects, self._losses.lossy
        if suspects or lossy:
            lively = self._lively_avoided(outlook, given, middles, wish)
            if lively:
                middles, avoid = lively, avoid.difference(lively)
            elif len(middles) > 1:
                middles = list(self._scores.prefer(self._losses.prefer(middles), outlook.now))
            chosen = length - (2 if before is None else 3)
            if not middles or chosen > 1:
                # The second hop is drawn from `middles` and the others from all relays: keep bad
                # ones out of those, but not a sticky one that is the best there is.
                avoid = avoid | ((suspects | lossy) - frozenset(middles))
        path = choose_path(
            view.candidates,
            start.guard,
            wish.relay,
            entropy=self._entropy,
            length=length,
            before=before,
            avoid=avoid,
            middles=middles,
        )
        return Path(path.hops, path.relaxed | {"avoid"}) if lively else path

    def _lively_avoided(
        self,
        outlook: Outlook,
        given: Collection[NodeId | None],
        middles: Sequence[NodeId],
        wish: Wish,
    ) -> list[NodeId]:
        """Return sticky hops under `avoid` to take because all other relays look dead.

        In a small network the rule can leave nothing but a dead relay. In a large one nobody
        can make all others look dead.
        """
        if not outlook.suspects:
            return []
        suspects = outlook.suspects.difference(wish.alive())
        if not suspects or not all(
            node_id in suspects or node_id in wish.avoid or node_id in given
            for node_id in outlook.view.relays
        ):
            return []
        return [middle for middle in middles if middle not in suspects]


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
        self._choice = PathChoice(hops=hops, scores=scores, losses=losses, entropy=entropy)
        self._losses = losses
        self._entropy = entropy
        self._packet_relaxed: frozenset[Rule] = frozenset()
        self._ack_relaxed: frozenset[Rule] = frozenset()

    @property
    def relaxed(self) -> frozenset[Rule]:
        """The rules that could not be kept."""
        return self._packet_relaxed | self._ack_relaxed

    def packets(
        self,
        outlook: Outlook,
        wish: Wish,
        delivery: DeliveryPlaintext,
        packet_class: PacketClass,
        *,
        is_cover: bool = False,
    ) -> Iterator[tuple[bytes, tuple[NodeId, ...]]]:
        """Yield a packet and its hops, and then others to send if the first guard has no room.

        What is cover is not held against a network that is too small for it. Raises NoPathError.
        """
        for path in self._choice.paths(outlook, wish):
            if not is_cover:
                self._packet_relaxed = path.relaxed
            hops = self._hops(outlook.view, path)
            yield wrap(GEOMETRIES[packet_class], hops, delivery, self._entropy), path.hops

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

"""Which relays look dead from here: own losses and failed tunnels, forgotten within minutes.

A score only changes which of the relays that are allowed anyway is taken first. It must never
widen a choice: a sticky set stays what it is however often its members fail, or a relay that
drops packets could walk a sender to a middle of its own (spec: docs/spec/onion.md section 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.ids import NodeId
from zentalk.node.relays.witnesses import Witnesses

HALF_LIFE_SECONDS: Final = 120.0
SUSPECT_SCORE: Final = 1.5
"""One lost packet proves nothing; two soon after each other, or one refusal, are a hint."""
_LOST: Final = 1.0
_UNREACHABLE: Final = 3.0
_MAX_SCORE: Final = 6.0
"""A relay that is silent for long is tried again after two half-lives."""
_KEPT_ON_ARRIVAL: Final = 0.25
_MAX_RELAYS: Final = 1024


class RelayScores:
    """A decaying score per relay; times are monotonic seconds.

    A relay that loses packets on purpose must not cast suspicion on the relays before
    it: once the relay that a packet was for is suspect, its losses are blamed on nobody else.
    """

    __slots__ = ("_scores", "_suspects", "_until", "_valid_until", "_witnesses")

    def __init__(self) -> None:
        self._scores: dict[NodeId, tuple[float, float]] = {}
        self._witnesses = Witnesses()
        self._until: dict[NodeId, float] = {}
        """When the score of each suspect falls below the threshold."""
        self._suspects: frozenset[NodeId] = frozenset()
        self._valid_until = math.inf

    def lost(self, hops: Sequence[NodeId], ack_hops: Sequence[NodeId], now: float) -> None:
        """Note that neither a packet over `hops` nor its ack over `ack_hops` was heard of.

        The guard is left out: the state of its link is known better than that.
        """
        delivery = hops[-1]
        if delivery not in self.suspects(now):
            for node_id in dict.fromkeys((*hops[1:-1], *ack_hops)):
                self._add(node_id, _LOST, now)
        self._add(delivery, _LOST, now)

    def unreachable(self, node_id: NodeId, now: float, by: NodeId | None = None) -> None:
        """Note that a neighbour, which is `by`, or this node itself could not reach a relay."""
        self._add(node_id, _UNREACHABLE, now)
        if by is not None:
            self._witnesses.not_reached(node_id, by, now)

    def reached(self, node_id: NodeId) -> None:
        """Note that a relay answered: nobody may call it dead."""
        self._witnesses.reached(node_id)

    def dead(self, now: float) -> frozenset[NodeId]:
        """Return the relays that several neighbours could not reach lately."""
        return self._witnesses.dead(now)

    def arrived(self, hops: Iterable[NodeId], now: float) -> None:
        """Note that a packet got through these relays."""
        for node_id in hops:
            self._witnesses.reached(node_id)
            if node_id in self._scores:
                self._set(node_id, self.score(node_id, now) * _KEPT_ON_ARRIVAL, now)

    def restarted(self, node_id: NodeId) -> None:
        """Forget what speaks against a relay that has new keys: it was down for a moment."""
        self._witnesses.reached(node_id)
        self._scores.pop(node_id, None)
        self._clear(node_id)

    def score(self, node_id: NodeId, now: float) -> float:
        """Return the score of a relay, 0.0 if nothing speaks against it."""
        score, at = self._scores.get(node_id, (0.0, now))
        return score * math.exp2((at - now) / HALF_LIFE_SECONDS)

    def suspects(self, now: float) -> frozenset[NodeId]:
        """Return the relays that look dead: one object until they are others."""
        if now >= self._valid_until:
            self._until = {n: until for n, until in self._until.items() if until > now}
            self._valid_until = min(self._until.values(), default=math.inf)
            if self._until.keys() != self._suspects:
                self._suspects = frozenset(self._until)
        return self._suspects

    def prefer(self, choices: Sequence[NodeId], now: float) -> Sequence[NodeId]:
        """Return those of `choices` that are not suspect, or the least suspect one."""
        suspects = self.suspects(now)
        if suspects.isdisjoint(choices):
            return choices
        better = [node_id for node_id in choices if node_id not in suspects]
        return better or [min(choices, key=lambda node_id: self.score(node_id, now))]

    def _add(self, node_id: NodeId, amount: float, now: float) -> None:
        self._set(node_id, min(_MAX_SCORE, self.score(node_id, now) + amount), now)

    def _set(self, node_id: NodeId, score: float, now: float) -> None:
        self._scores.pop(node_id, None)
        self._scores[node_id] = (score, now)
        if len(self._scores) > _MAX_RELAYS:
            oldest = next(iter(self._scores))
            del self._scores[oldest]
            self._clear(oldest)
        if score > SUSPECT_SCORE:
            self._until[node_id] = now + HALF_LIFE_SECONDS * math.log2(score / SUSPECT_SCORE)
            self._valid_until = -math.inf
        else:
            self._clear(node_id)

    def _clear(self, node_id: NodeId) -> None:
        if self._until.pop(node_id, None) is not None:
            self._valid_until = -math.inf

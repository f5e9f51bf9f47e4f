"""Which relays explain the packets that got lost: counts of roles in, names out.

Spec: docs/spec/onion.md section 14. A relay is named when packets that it had to forward are
lost far more often than those that went elsewhere, so that chance cannot explain it. What
one relay explains is never held against another. Plain arithmetic: it knows no time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.ids import NodeId

HONEST_LOSS: Final = 0.05
"""What may be lost anywhere without anybody's fault."""
CHANCE: Final = 1e-9
"""How unlikely the losses over a relay must be, had it lost no more than the others."""
MIN_PROBES: Final = 12
"""Of packets over a relay, and of packets elsewhere to compare with."""
MAX_NAMED: Final = 8
LEAST_LOST: Final = 9
"""With fewer losses chance explains those of any role, however few its packets are."""


class Role(NamedTuple):
    """A relay as forwarder, or as the end of a packet: mail and tokens are left there."""

    node_id: NodeId
    forwards: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A relay over which `lost` of `probes` packets got lost."""

    node_id: NodeId
    forwards: bool
    lost: int
    probes: int


class PacketOutcome(NamedTuple):
    """The fate of one packet or ack: who had a role in it, and when it was known."""

    roles: frozenset[Role]
    arrived: bool
    at: float


class Tally:
    """How often each role was there, and how often what it was there for got lost.

    It is kept while outcomes come and go, so that a look costs nothing while hardly anything
    gets lost.
    """

    __slots__ = ("_losses", "_lost", "_probes", "_total")

    def __init__(self) -> None:
        self._total = self._lost = 0
        self._probes: dict[Role, int] = {}
        self._losses: dict[Role, int] = {}
        """Only roles that lost something."""

    def copy(self) -> Tally:
        """Return a tally that goes on from this one."""
        other = Tally()
        other._total, other._lost = self._total, self._lost
        other._probes, other._losses = self._probes.copy(), self._losses.copy()
        return other

    def add(self, outcome: PacketOutcome) -> None:
        """Count an outcome."""
        self._total += 1
        self._lost += not outcome.arrived
        for role in outcome.roles:
            self._probes[role] = self._probes.get(role, 0) + 1
            if not outcome.arrived:
                self._losses[role] = self._losses.get(role, 0) + 1

    def take(self, outcome: PacketOutcome) -> None:
        """Count an outcome, added before, no longer."""
        self._total -= 1
        self._lost -= not outcome.arrived
        for role in outcome.roles:
            _decrease(self._probes, role)
            if not outcome.arrived:
                _decrease(self._losses, role)

    def worst(self) -> tuple[Finding, Role] | None:
        """Return the role whose losses chance explains least, if it cannot explain them."""
        best: tuple[float, Finding, Role] | None = None
        for role, lost in self._losses.items():
            count = self._probes[role]
            others = self._total - count
            if lost < LEAST_LOST or count < MIN_PROBES or others < MIN_PROBES:
                continue
            # What the others lose, estimated high: one loss more than was seen.
            elsewhere = (self._lost - lost + 1) / (others + 2)
            chance = tail(count, lost, max(HONEST_LOSS, elsewhere))
            if chance < CHANCE and (best is None or chance < best[0]):
                best = (chance, Finding(role.node_id, role.forwards, lost, count), role)
        return None if best is None else best[1:]


def find_lossy(outcomes: Iterable[PacketOutcome], tally: Tally) -> list[Finding]:
    """Name what explains the losses best, take its packets out, and look again.

    `tally` is the tally of `outcomes`; it stays as it is.
    """
    worst = tally.worst()
    if worst is None:
        return []
    left, rest = list(outcomes), tally.copy()
    found: list[Finding] = []
    while worst is not None and len(found) < MAX_NAMED:
        finding, role = worst
        found.append(finding)
        kept = []
        for outcome in left:
            if role in outcome.roles:
                rest.take(outcome)
            else:
                kept.append(outcome)
        left, worst = kept, rest.worst()
    return found


def _decrease(counts: dict[Role, int], role: Role) -> None:
    counts[role] -= 1
    if not counts[role]:
        del counts[role]


def tail(count: int, least: int, share: float) -> float:
    """Return the chance of `least` or more of `count`, each with chance `share`."""
    if least <= count * share or share >= 1.0:
        return 1.0
    return math.fsum(
        math.comb(count, i) * share**i * (1.0 - share) ** (count - i)
        for i in range(least, count + 1)
    )

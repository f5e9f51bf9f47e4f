"""Which relay loses our packets: fates of packets in, names of relays out.

Spec: docs/spec/onion.md section 14. Every packet with a token is a probe of the relays on
its way and on the way of its ack. A relay is named when packets that it had to forward are
lost far more often than those that went elsewhere, so that chance cannot explain it. What
one relay explains is never held against another. Plain code without a clock, bounded in
memory; a name is a hint, and must never widen a choice of relays.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from zentalk.ids import NodeId
from zentalk.node.relays.loss_alarm import LossAlarm

MAX_PENDING: Final = 1_024
MAX_OUTCOMES: Final = 1_024
"""Probes whose fate is known; the oldest go."""
OUTCOME_SECONDS: Final = 6 * 3600.0
"""A relay that is avoided brings no new evidence: after this it gets another chance."""
HONEST_LOSS: Final = 0.05
"""What may be lost anywhere without anybody's fault."""
CHANCE: Final = 1e-9
"""How unlikely the losses over a relay must be, had it lost no more than the others."""
MIN_PROBES: Final = 12
"""Of packets over a relay, and of packets elsewhere to compare with."""
MAX_NAMED: Final = 8
LATE_SHARE: Final = 1 / 3
"""Of the patience with a loop: then the snapshot is looked at."""
KEPT_CHOICES: Final = 2
"""Sticky second hops that stay in use whatever is said of them."""
_LINK_BROKE_SECONDS: Final = 5.0
"""What was sent so shortly before its guard's link broke may have died with it."""
_LOOK_EVERY: Final = 8


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


@dataclass(slots=True)
class _Pending:
    hops: tuple[NodeId, ...]
    ack_hops: tuple[NodeId, ...]
    sent_at: float
    is_loop: bool
    confirmed: bool = False

    @property
    def home(self) -> NodeId:
        """Our mailbox relay at which the token is to arrive."""
        return self.ack_hops[-1] if self.ack_hops else self.hops[-1]


class _Outcome(NamedTuple):
    roles: frozenset[Role]
    arrived: bool
    at: float


class LossDetector:
    """Probes by token, and what they say of relays. Times are monotonic seconds.

    A token that has not come `patience_seconds` after its packet counts as lost.
    """

    def __init__(self, patience_seconds: float) -> None:
        self.alarm = LossAlarm()
        self._patience = patience_seconds
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._outcomes: deque[_Outcome] = deque(maxlen=MAX_OUTCOMES)
        self._new = 0
        self._findings: tuple[Finding, ...] = ()
        self._lossy: frozenset[NodeId] = frozenset()

    # What happened.

    def sent(
        self,
        token: bytes,
        hops: tuple[NodeId, ...],
        ack_hops: tuple[NodeId, ...],
        now: float,
        *,
        is_loop: bool = False,
    ) -> None:
        """A packet left over `hops`; its token comes back over `ack_hops`, if it is no loop."""
        self._pending[token] = _Pending(hops, ack_hops, now, is_loop)
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def returned(self, token: bytes, now: float) -> bool:
        """A token came back; True if it was a loop's."""
        probe = self._pending.pop(token, None)
        if probe is None:
            return False
        self._settle(probe, now, arrived=True)
        return probe.is_loop

    def confirmed(self, hops: tuple[NodeId, ...]) -> None:
        """What was last sent over `hops` has arrived: only its token can still be lost."""
        for probe in reversed(self._pending.values()):
            if probe.hops == hops:
                probe.confirmed = True
                return

    def link_broke(self, guard: NodeId, now: float) -> None:
        """What was sent to a guard a moment ago says nothing of the relays after it."""
        self._drop(
            lambda p: p.hops[0] == guard and now - p.sent_at <= _LINK_BROKE_SECONDS,
        )

    def went_offline(self) -> None:
        """No guard is connected: nothing that is on its way says anything."""
        self._pending.clear()

    def restarted(self, node_id: NodeId) -> None:
        """A relay has new keys: what was lost with the old ones was nobody's will."""
        kept = [o for o in self._outcomes if not _mentions(o.roles, node_id)]
        self._outcomes = deque(kept, maxlen=MAX_OUTCOMES)
        self._drop(lambda p: node_id in p.hops or node_id in p.ack_hops)
        self.alarm.restarted(node_id)
        self._look()

    def loop_overdue(self, now: float) -> bool:
        """Whether a loop is late: a relay may have new keys, which the next snapshot shows."""
        late = (p for p in self._pending.values() if p.is_loop)
        oldest = next(late, None)
        return oldest is not None and oldest.sent_at + self._patience * LATE_SHARE <= now

    def tick(self, now: float, collected: Collection[NodeId]) -> None:
        """Settle what has waited too long; tokens can only come from `collected` relays."""
        while self._pending:
            token, probe = next(iter(self._pending.items()))
            if probe.sent_at + self._patience > now:
                break
            del self._pending[token]
            if probe.home in collected:
                self._settle(probe, now, arrived=False)
        while self._outcomes and self._outcomes[0].at + OUTCOME_SECONDS <= now:
            self._outcomes.popleft()
            self._new += 1
        if self._new >= _LOOK_EVERY:
            self._look()

    # What it means.

    def findings(self) -> tuple[Finding, ...]:
        """Return the relays that lose what they are given, the worst first."""
        return self._findings

    def lossy(self) -> frozenset[NodeId]:
        """Return the relays that lose what they should forward."""
        return self._lossy

    def prefer(self, choices: Sequence[NodeId]) -> Sequence[NodeId]:
        """Return `choices` without relays that lose packets, but never fewer than two of them.

        Whoever drops packets to make others look bad must not choose the one that is left.
        """
        if self._lossy.isdisjoint(choices):
            return choices
        good = [node_id for node_id in choices if node_id not in self._lossy]
        bad = [finding.node_id for finding in reversed(self._findings) if finding.forwards]
        spare = [node_id for node_id in bad if node_id in choices]
        return [*good, *spare[: max(0, KEPT_CHOICES - len(good))]]

    def _settle(self, probe: _Pending, now: float, *, arrived: bool) -> None:
        if probe.is_loop:
            self.alarm.note(probe.hops, returned=arrived)
        there, back = _roles(probe.hops), _roles(probe.ack_hops)
        if arrived:
            self._outcomes.append(_Outcome(there | back, True, now))
        elif not probe.confirmed:
            self._outcomes.append(_Outcome(there | back, False, now))
        else:
            self._outcomes.append(_Outcome(there, True, now))
            # The ack was lost on its way, or the relay that keeps the mail sent none.
            back |= {Role(probe.hops[-1], forwards=False)}
            self._outcomes.append(_Outcome(back, False, now))
        self._new += 1
        if self._new >= _LOOK_EVERY:
            self._look()

    def _drop(self, condition: Callable[[_Pending], bool]) -> None:
        for token in [t for t, probe in self._pending.items() if condition(probe)]:
            del self._pending[token]

    def _look(self) -> None:
        self._new = 0
        self._findings = tuple(find_lossy(self._outcomes))
        self._lossy = frozenset(f.node_id for f in self._findings if f.forwards)


def find_lossy(outcomes: Iterable[_Outcome]) -> list[Finding]:
    """Name what explains the losses best, take its packets out, and look again."""
    left = list(outcomes)
    found: list[Finding] = []
    while len(found) < MAX_NAMED:
        worst = _worst(left)
        if worst is None:
            break
        finding, role = worst
        found.append(finding)
        left = [outcome for outcome in left if role not in outcome.roles]
    return found


def _worst(outcomes: Sequence[_Outcome]) -> tuple[Finding, Role] | None:
    probes: dict[Role, int] = {}
    losses: dict[Role, int] = {}
    for outcome in outcomes:
        for role in outcome.roles:
            probes[role] = probes.get(role, 0) + 1
            losses[role] = losses.get(role, 0) + (not outcome.arrived)
    total, lost = len(outcomes), sum(not outcome.arrived for outcome in outcomes)
    best: tuple[float, Finding, Role] | None = None
    for role, count in probes.items():
        others = total - count
        if count < MIN_PROBES or others < MIN_PROBES:
            continue
        # What the others lose, estimated high: one loss more than was seen.
        elsewhere = (lost - losses[role] + 1) / (others + 2)
        chance = tail(count, losses[role], max(HONEST_LOSS, elsewhere))
        if chance < CHANCE and (best is None or chance < best[0]):
            finding = Finding(role.node_id, role.forwards, losses[role], count)
            best = (chance, finding, role)
    return None if best is None else best[1:]


def tail(count: int, least: int, share: float) -> float:
    """Return the chance of `least` or more of `count`, each with chance `share`."""
    if least <= count * share or share >= 1.0:
        return 1.0
    return math.fsum(
        math.comb(count, i) * share**i * (1.0 - share) ** (count - i)
        for i in range(least, count + 1)
    )


def _roles(hops: Sequence[NodeId]) -> frozenset[Role]:
    forwarders = (Role(node_id, forwards=True) for node_id in hops[:-1])
    return frozenset(forwarders) | {Role(node_id, forwards=False) for node_id in hops[-1:]}


def _mentions(roles: Iterable[Role], node_id: NodeId) -> bool:
    return any(role.node_id == node_id for role in roles)

"""Which relay loses our packets: fates of packets in, names of relays out.

Spec: docs/spec/onion.md section 14. Every packet with a token is a probe of the relays on
its way and on the way of its ack. A relay is named when packets that it had to forward are
lost far more often than those that went elsewhere, so that chance cannot explain it. What
one relay explains is never held against another. Plain code without a clock, bounded in
memory; a name is a hint, and must never widen a choice of relays.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from zentalk.ids import NodeId
from zentalk.node.relays.loss_alarm import LossAlarm
from zentalk.node.relays.loss_statistics import Finding, PacketOutcome, Role, Tally, find_lossy

MAX_PENDING: Final = 1_024
MAX_ACK_PATHS: Final = 8_192
"""Above this many prebuilt acks the path of the oldest is forgotten."""
MAX_OUTCOMES: Final = 1_024
"""Probes whose fate is known; the oldest go."""
OUTCOME_SECONDS: Final = 6 * 3600.0
"""A relay that is avoided brings no new evidence: after this it gets another chance."""
LATE_SHARE: Final = 1 / 3
"""Of the patience with a loop: then the snapshot is looked at."""
KEPT_CHOICES: Final = 2
"""Sticky second hops that stay in use whatever is said of them."""
_LINK_BROKE_SECONDS: Final = 5.0
"""What was sent so shortly before its guard's link broke may have died with it."""
_LOOK_EVERY: Final = 8


@dataclass(slots=True, eq=False)
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


class LossDetector:
    """Probes by token, and what they say of relays. Times are monotonic seconds.

    A token that has not come `patience_seconds` after its packet counts as lost.
    """

    def __init__(self, patience_seconds: float) -> None:
        self.alarm = LossAlarm()
        self._patience = patience_seconds
        self._ack_paths: dict[bytes, tuple[NodeId, ...]] = {}
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._over: defaultdict[tuple[NodeId, ...], list[_Pending]] = defaultdict(list)
        """What is pending, by its hops."""
        self._outcomes: deque[PacketOutcome] = deque()
        self._tally = Tally()
        self._new = 0
        self._findings: tuple[Finding, ...] = ()
        self.lossy: frozenset[NodeId] = frozenset()
        """The relays that lose what they should forward."""

    # What happened.

    def take_ack_path(self, token: bytes | None) -> tuple[NodeId, ...]:
        """Return the hops of the ack with this token and forget them; () if it is not known."""
        return self._ack_paths.pop(token, ()) if token is not None else ()

    def sent(
        self,
        token: bytes,
        hops: tuple[NodeId, ...],
        now: float,
        *,
        ack_hops: tuple[NodeId, ...] = (),
        is_loop: bool = False,
    ) -> None:
        """A packet left over `hops`; its token comes back over those of its ack, if it has one."""
        self._forget(token)
        if ack_hops:
            self._ack_paths[token] = ack_hops
            if len(self._ack_paths) > MAX_ACK_PATHS:
                del self._ack_paths[next(iter(self._ack_paths))]
        probe = self._pending[token] = _Pending(hops, ack_hops, now, is_loop)
        self._over[hops].append(probe)
        if len(self._pending) > MAX_PENDING:
            self._forget(next(iter(self._pending)))

    def returned(self, token: bytes, now: float) -> bool:
        """A token came back; True if it was a loop's."""
        probe = self._forget(token)
        if probe is None:
            return False
        self._settle(probe, now, arrived=True)
        return probe.is_loop

    def confirmed(self, hops: tuple[NodeId, ...]) -> None:
        """What was last sent over `hops` has arrived: only its token can still be lost."""
        if hops in self._over:
            self._over[hops][-1].confirmed = True

    def link_broke(self, guard: NodeId, now: float) -> None:
        """What was sent to a guard a moment ago says nothing of the relays after it."""
        self._drop(
            lambda p: p.hops[0] == guard and now - p.sent_at <= _LINK_BROKE_SECONDS,
        )

    def went_offline(self) -> None:
        """No guard is connected: nothing that is on its way says anything."""
        self._pending.clear()
        self._over.clear()

    def restarted(self, node_id: NodeId) -> None:
        """A relay has new keys: what was lost with the old ones was nobody's will."""
        outcomes, self._outcomes, self._tally = self._outcomes, deque(), Tally()
        for outcome in outcomes:
            if not _mentions(outcome.roles, node_id):
                self._note(outcome)
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
            self._forget(token)
            if probe.home in collected:
                self._settle(probe, now, arrived=False)
        while self._outcomes and self._outcomes[0].at + OUTCOME_SECONDS <= now:
            self._tally.take(self._outcomes.popleft())
            self._new += 1
        if self._new >= _LOOK_EVERY:
            self._look()

    # What it means.

    def findings(self) -> tuple[Finding, ...]:
        """Return the relays that lose what they are given, the worst first."""
        return self._findings

    def prefer(self, choices: Sequence[NodeId]) -> Sequence[NodeId]:
        """Return `choices` without relays that lose packets, but never fewer than two of them.

        A relay that drops packets to make others look bad must not choose the one that is left.
        """
        if self.lossy.isdisjoint(choices):
            return choices
        good = [node_id for node_id in choices if node_id not in self.lossy]
        bad = [finding.node_id for finding in reversed(self._findings) if finding.forwards]
        spare = [node_id for node_id in bad if node_id in choices]
        return [*good, *spare[: max(0, KEPT_CHOICES - len(good))]]

    def _settle(self, probe: _Pending, now: float, *, arrived: bool) -> None:
        if probe.is_loop:
            self.alarm.note(probe.hops, returned=arrived)
        there, back = _roles(probe.hops), _roles(probe.ack_hops)
        if arrived:
            self._note(PacketOutcome(there | back, True, now))
        elif not probe.confirmed:
            self._note(PacketOutcome(there | back, False, now))
        else:
            self._note(PacketOutcome(there, True, now))
            # The ack was lost on its way, or the relay that keeps the mail sent none.
            back |= {Role(probe.hops[-1], forwards=False)}
            self._note(PacketOutcome(back, False, now))
        self._new += 1
        if self._new >= _LOOK_EVERY:
            self._look()

    def _note(self, outcome: PacketOutcome) -> None:
        if len(self._outcomes) >= MAX_OUTCOMES:
            self._tally.take(self._outcomes.popleft())
        self._outcomes.append(outcome)
        self._tally.add(outcome)

    def _forget(self, token: bytes) -> _Pending | None:
        probe = self._pending.pop(token, None)
        if probe is not None:
            over = self._over[probe.hops]
            over.remove(probe)
            if not over:
                del self._over[probe.hops]
        return probe

    def _drop(self, condition: Callable[[_Pending], bool]) -> None:
        for token in [t for t, probe in self._pending.items() if condition(probe)]:
            self._forget(token)

    def _look(self) -> None:
        self._new = 0
        self._findings = tuple(find_lossy(self._outcomes, self._tally))
        self.lossy = frozenset(f.node_id for f in self._findings if f.forwards)


def _roles(hops: Sequence[NodeId]) -> frozenset[Role]:
    forwarders = (Role(node_id, forwards=True) for node_id in hops[:-1])
    return frozenset(forwarders) | {Role(node_id, forwards=False) for node_id in hops[-1:]}


def _mentions(roles: Iterable[Role], node_id: NodeId) -> bool:
    return any(role.node_id == node_id for role in roles)

"""Which relay loses packets: named when one does, and no honest one whatever happens."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from zentalk.ids import NodeId
from zentalk.node.relays import loss_detection, loss_statistics
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.loss_statistics import HONEST_LOSS, Finding

PATIENCE = 30.0
HOMES = 2
NAMED_WITHIN = 150
"""Messages within which a relay that drops half of what it forwards is named, of six."""


def ids(count: int) -> list[NodeId]:
    return [NodeId(bytes([number]) * 32) for number in range(count)]


@dataclass
class Sender:
    """Somebody who writes to two people over honest relays, and some that are not.

    `loses(relay, next)` says with which chance a relay drops what it should pass on.
    """

    relays: Sequence[NodeId]
    seed: int
    loses: Callable[[NodeId, NodeId], float]
    losses: LossDetector = field(default_factory=lambda: LossDetector(PATIENCE))
    now: float = 0.0
    named: list[tuple[int, Finding]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.guards = self.random.sample(self.relays, 2)
        self.middles = {
            guard: self.random.sample([r for r in self.relays if r != guard], 4)
            for guard in self.guards
        }
        apart = [relay for relay in self.relays if relay not in self.guards]
        self.homes = self.random.sample(apart, HOMES)
        self.people = [self.random.sample(self.relays, 2) for _ in range(2)]

    def write(self, messages: int) -> None:
        for number in range(messages):
            self.now += 20.0
            for relay in self.random.choice(self.people):
                if self._deposit(relay):
                    break
            self.losses.tick(self.now, self.relays)
            self.named += [(number, finding) for finding in self.losses.findings()]

    def _deposit(self, relay: NodeId) -> bool:
        guard = self.random.choice([g for g in self.guards if g != relay])
        middles = [m for m in self.losses.prefer(self.middles[guard]) if m not in (guard, relay)]
        hops = (guard, self.random.choice(middles), relay)
        ack_hops = self._ack(relay)
        token = self.random.randbytes(32)
        self.losses.sent(token, hops, self.now, ack_hops=ack_hops)
        if not self._passes(hops):
            return False
        if self._passes(ack_hops):
            self.losses.returned(token, self.now)
        else:
            self.losses.confirmed(hops)
        return True

    def _ack(self, relay: NodeId) -> tuple[NodeId, ...]:
        first = self.random.choice([r for r in self.relays if r != relay])
        home = self.random.choice([h for h in self.homes if h not in (relay, first)] or self.homes)
        others = [r for r in self.relays if r not in (first, home, relay)]
        return (first, self.random.choice(others), home)

    def _passes(self, hops: tuple[NodeId, ...]) -> bool:
        return not any(
            self.random.random() < self.loses(here, following)
            for here, following in itertools.pairwise(hops)
        )

    def blamed(self) -> set[NodeId]:
        return {finding.node_id for _, finding in self.named}


def honest(share: float) -> Callable[[NodeId, NodeId], float]:
    """A loss of that share per packet and way there and back: four relays forward it."""
    return lambda _here, _following: share / 4


def dropper(bad: NodeId, share: float) -> Callable[[NodeId, NodeId], float]:
    return lambda here, _following: share if here == bad else 0.002


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_the_one_of_six_relays_that_drops_packets_is_named_and_no_other(
    seed: int, share: float
) -> None:
    relays = ids(6)
    sender = Sender(relays, seed, dropper(relays[2], share))
    sender.write(NAMED_WITHIN)
    assert sender.blamed() == {relays[2]}


def test_control_without_a_dropper_nobody_is_named_at_the_loss_that_is_allowed_for() -> None:
    """A false name is allowed for less than once in 10^9 looks at a relay."""
    for seed in range(12):
        sender = Sender(ids(6 + seed), seed, honest(HONEST_LOSS))
        sender.write(400)
        assert not sender.named


def test_control_a_limit_that_chance_can_reach_names_honest_relays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loss_statistics, "CHANCE", 0.05)
    monkeypatch.setattr(loss_statistics, "LEAST_LOST", 1)
    blamed = set()
    for seed in range(6):
        sender = Sender(ids(6), seed, honest(HONEST_LOSS))
        sender.write(400)
        blamed |= sender.blamed()
    assert blamed


@pytest.mark.parametrize("seed", range(6))
def test_k42_a_guard_that_drops_what_goes_to_honest_second_hops_is_named_itself(seed: int) -> None:
    relays = ids(12)
    first = Sender(relays, seed, lambda _here, _following: 0.0)
    guard, mine = first.guards[0], first.middles[first.guards[0]][0]

    def bias(here: NodeId, following: NodeId) -> float:
        return float(here == guard and following != mine)

    sender = Sender(relays, seed, bias)
    sender.write(200)
    assert [finding.node_id for finding in sender.losses.findings()][:1] == [guard]


def test_k42_two_sticky_second_hops_stay_whatever_is_said_of_them() -> None:
    guard, end, elsewhere, *middles = ids(7)
    losses = LossDetector(PATIENCE)
    for bad in middles[:3]:
        for turn in range(60):
            lost, kept = bad + bytes([turn]), bad + bytes([turn, 1])
            losses.sent(lost, (guard, bad, end), 0.0)
            losses.sent(kept, (guard, elsewhere, end), 0.0)
            losses.returned(kept, 0.0)
    losses.tick(PATIENCE, [end])
    assert losses.lossy == set(middles[:3])
    left = losses.prefer(middles)
    assert len(left) == 2
    assert set(left) <= set(middles)
    assert middles[3] in left


def lose(losses: LossDetector, bad: NodeId, count: int = 40) -> None:
    good = ids(9)
    for turn in range(count):
        lost, kept = bytes([turn]) * 32, bytes([turn, 1]) * 16
        losses.sent(lost, (good[0], bad, good[1]), 0.0)
        losses.sent(kept, (good[0], good[2], good[1]), 0.0)
        losses.returned(kept, 0.0)


def test_a_relay_that_restarted_begins_with_a_clean_slate() -> None:
    bad = ids(9)[8]
    losses = LossDetector(PATIENCE)
    lose(losses, bad)
    losses.tick(PATIENCE, ids(9))
    assert losses.lossy == {bad}
    losses.restarted(bad)
    assert not losses.findings()


def test_a_name_is_forgotten_in_time() -> None:
    bad = ids(9)[8]
    losses = LossDetector(PATIENCE)
    lose(losses, bad)
    losses.tick(PATIENCE, ids(9))
    assert losses.lossy == {bad}
    losses.tick(PATIENCE + loss_detection.OUTCOME_SECONDS, ids(9))
    assert not losses.lossy


def test_what_was_lost_while_we_were_offline_is_held_against_nobody() -> None:
    bad = ids(9)[8]
    losses = LossDetector(PATIENCE)
    lose(losses, bad)
    losses.went_offline()
    losses.tick(PATIENCE, ids(9))
    assert not losses.findings()
    # Nor what died with the link of its guard, or was to come back to where nobody collected.
    lose(losses, bad)
    losses.link_broke(ids(9)[0], 1.0)
    losses.tick(PATIENCE, ids(9))
    assert not losses.findings()
    lose(losses, bad)
    losses.tick(PATIENCE, [])
    assert not losses.findings()


def test_a_relay_that_keeps_no_mail_is_not_held_against_those_before_it() -> None:
    good = ids(9)
    losses = LossDetector(PATIENCE)
    for turn in range(60):
        token = bytes([turn]) * 32
        silent = turn % 2
        hops = (good[turn % 3], good[3 + turn % 4], good[7 + silent])
        losses.sent(token, hops, 0.0, ack_hops=(good[turn % 5], good[5], good[6]))
        if silent:
            losses.confirmed(hops)
        else:
            losses.returned(token, 0.0)
    losses.tick(PATIENCE, good)
    assert [(f.node_id, f.forwards) for f in losses.findings()] == [(good[8], False)]
    assert not losses.lossy


def test_memory_is_bounded() -> None:
    losses = LossDetector(PATIENCE)
    relays = ids(6)
    for turn in range(5000):
        losses.sent(turn.to_bytes(32, "big"), (relays[0], relays[1], relays[2]), 0.0)
    losses.tick(PATIENCE, relays)
    for turn in range(5000):
        token = turn.to_bytes(32, "big")
        losses.sent(token, (relays[0], relays[1], relays[2]), 0.0)
        losses.returned(token, 0.0)
    assert len(losses._pending) <= loss_detection.MAX_PENDING
    assert len(losses._outcomes) <= loss_detection.MAX_OUTCOMES


def test_the_paths_of_acks_are_given_back_once_and_are_bounded() -> None:
    losses = LossDetector(PATIENCE)
    hops = tuple(ids(3))
    for turn in range(loss_detection.MAX_ACK_PATHS + 1):
        losses.sent(turn.to_bytes(32, "big"), hops, 0.0, ack_hops=hops)
    newest = loss_detection.MAX_ACK_PATHS.to_bytes(32, "big")
    assert losses.take_ack_path(bytes(32)) == ()
    assert losses.take_ack_path(newest) == hops
    assert losses.take_ack_path(newest) == ()
    assert losses.take_ack_path(None) == ()

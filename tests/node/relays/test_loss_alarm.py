"""The loss alarm alone: how soon it comes, and how rarely without cause."""

from __future__ import annotations

import random
from math import comb

from zentalk.ids import NodeId
from zentalk.node.relays.loss_alarm import ALARM_LOST, CALM_LOST, WINDOW, LossAlarm

HOPS = [NodeId(bytes([number]) * 32) for number in range(5)]
OTHER = NodeId(b"o" * 32)


def test_k6_the_alarm_comes_with_the_twelfth_lost_loop() -> None:
    alarm = LossAlarm()
    for _ in range(100):
        alarm.note(HOPS, returned=True)
    for lost in range(1, ALARM_LOST + 1):
        assert not alarm.active
        alarm.note(HOPS, returned=False)
        assert alarm.lost == lost
    assert alarm.active


def test_k6_half_of_the_loops_lost_are_enough_within_64() -> None:
    for seed in range(100):
        draw = random.Random(seed)
        alarm = LossAlarm()
        loops = 0
        while not alarm.active:
            loops += 1
            alarm.note(HOPS, returned=draw.random() < 0.5)
        assert loops <= 2 * WINDOW


def test_k6_honest_loss_alarms_less_than_once_in_40_million_loops() -> None:
    """The bound that the specification states, and seeded loss that keeps it."""
    p = 0.05
    window = range(ALARM_LOST, WINDOW + 1)
    chance = sum(comb(WINDOW, k) * p**k * (1 - p) ** (WINDOW - k) for k in window)
    assert chance < 1 / 40e6
    draw = random.Random(6)
    alarm = LossAlarm()
    for _ in range(100_000):
        alarm.note(HOPS, returned=draw.random() >= p)
        assert not alarm.active


def test_k6_control_at_a_loss_beyond_the_bound_the_alarm_does_come() -> None:
    draw = random.Random(6)
    alarm = LossAlarm()
    seen = []
    for _ in range(10_000):
        alarm.note(HOPS, returned=draw.random() >= 0.25)
        seen.append(alarm.active)
    assert any(seen)


def test_the_alarm_ends_when_loops_come_back() -> None:
    alarm = LossAlarm()
    for _ in range(ALARM_LOST):
        alarm.note(HOPS, returned=False)
    needed = 0
    while alarm.active:
        alarm.note(HOPS, returned=True)
        needed += 1
    assert needed == WINDOW - CALM_LOST


def test_what_was_lost_over_a_relay_that_restarted_does_not_count() -> None:
    alarm = LossAlarm()
    for _ in range(ALARM_LOST):
        alarm.note([*HOPS, OTHER], returned=False)
    alarm.note(HOPS, returned=False)
    alarm.note([*HOPS, OTHER], returned=True)
    assert alarm.active
    alarm.restarted(OTHER)
    assert not alarm.active
    assert (alarm.lost, alarm.counted) == (1, 2)

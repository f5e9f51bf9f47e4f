"""When an item is deposited where."""

from __future__ import annotations

import itertools

from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.node.delivery.retry_schedule import (
    LONGEST_RETRY_SECONDS,
    MOST_DOUBTFUL,
    Schedule,
)

ONE, TWO = NodeId(b"1" * 32), NodeId(b"2" * 32)


def run(schedule: Schedule, until: float) -> list[tuple[float, NodeId]]:
    """Send whenever something is due; return when and where."""
    sent = []
    while (now := schedule.next_deadline()) <= until:
        for relay in schedule.due(now):
            schedule.sent(relay, now)
            sent.append((now, relay))
    return sent


def test_the_first_relay_is_used_at_once_and_the_second_after_two_seconds() -> None:
    assert run(Schedule((ONE, TWO), 0.0, 0.1), 2.0) == [(0.0, ONE), (1.0, ONE), (2.0, TWO)]


def test_patience_grows_with_the_round_trip() -> None:
    assert run(Schedule((ONE, TWO), 0.0, 4.0), 12.0) == [(0.0, ONE), (12.0, ONE), (12.0, TWO)]


def test_retries_double_to_a_minute_and_never_end() -> None:
    times = [at for at, _ in run(Schedule((ONE,), 0.0, 0.1), 400.0)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[:8] == [1, 2, 4, 8, 16, 32, 60, 60]


def doubtful_sends(count: int) -> list[float]:
    """Send to one relay, as often as it is due, of which the first `count` over a dead one."""
    schedule, times = Schedule((ONE,), 0.0, 0.0), []
    for number in range(count + 4):
        now = schedule.next_deadline()
        schedule.sent(ONE, now, doubtful=number < count)
        times.append(now)
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_what_went_over_a_dead_relay_makes_the_next_wait_no_longer() -> None:
    assert doubtful_sends(3) == [1.0, 1.0, 1.0, 1.0, 2.0, 4.0]


def test_control_what_went_over_others_does() -> None:
    assert doubtful_sends(0) == [1.0, 2.0, 4.0]


def test_there_is_an_end_to_what_relays_called_dead_can_make_a_node_send() -> None:
    assert doubtful_sends(100)[:MOST_DOUBTFUL] == [1.0] * MOST_DOUBTFUL
    assert doubtful_sends(100)[-1] == LONGEST_RETRY_SECONDS


def test_k39_retries_to_a_relay_stop_at_its_ack() -> None:
    schedule = Schedule((ONE,), 0.0, 0.1)
    run(schedule, 3.0)
    schedule.held(ONE, 4.0)
    assert run(schedule, 4.0 + 3 * DAY_SECONDS) == [
        (4.0 + day * DAY_SECONDS, ONE) for day in (1, 2, 3)
    ]


def test_k39_control_without_the_ack_three_days_bring_thousands_of_copies() -> None:
    assert len(run(Schedule((ONE,), 0.0, 0.1), 3 * DAY_SECONDS)) > 4000


def test_what_a_relay_held_before_a_restart_is_not_sent_again() -> None:
    schedule = Schedule((ONE, TWO), 0.0, 0.1, held_by=frozenset({ONE, TWO}))
    assert run(schedule, 3600.0) == []


def test_when_nothing_can_be_sent_to_one_relay_the_other_is_tried_at_once() -> None:
    schedule = Schedule((ONE, TWO), 0.0, 0.1)
    schedule.failed(ONE, 0.0)
    assert schedule.due(0.0) == [TWO]
    schedule.sent(TWO, 0.0)
    assert 0.0 < schedule.next_deadline() <= 0.25


def test_an_ack_is_overdue_only_after_it_had_time_to_come() -> None:
    schedule = Schedule((ONE,), 0.0, 0.1)
    schedule.sent(ONE, 0.0)
    assert not schedule.ack_overdue(ONE, 8.0)
    assert schedule.ack_overdue(ONE, 8.5)
    schedule.held(ONE, 8.6)
    assert not schedule.ack_overdue(ONE, 9.0)


def test_when_no_relay_can_be_reached_both_wait_instead_of_spinning() -> None:
    schedule = Schedule((ONE, TWO), 0.0, 0.1)
    attempts = 0
    while (now := schedule.next_deadline()) < 60.0:
        for relay in schedule.due(now):
            schedule.failed(relay, now)
            attempts += 1
    assert 50 < attempts < 80


def test_what_is_known_to_be_lost_goes_at_once_and_retries_begin_anew() -> None:
    schedule = Schedule((ONE,), 0.0, 0.1)
    run(schedule, 20.0)
    assert schedule.lost(ONE, 20.0)
    assert [at for at, _ in run(schedule, 24.0)] == [20, 21, 23]


def test_control_without_that_knowledge_it_waits_for_its_turn() -> None:
    schedule = Schedule((ONE,), 0.0, 0.1)
    run(schedule, 20.0)
    assert run(schedule, 24.0) == []


def test_what_a_relay_holds_or_never_got_cannot_be_lost_on_the_way_there() -> None:
    schedule = Schedule((ONE, TWO), 0.0, 0.1)
    run(schedule, 0.5)
    assert not schedule.lost(TWO, 0.5)
    assert not schedule.lost(NodeId(b"3" * 32), 0.5)
    schedule.held(ONE, 0.6)
    assert not schedule.lost(ONE, 0.7)
    assert schedule.due(0.7) == []

"""The times of user records, and the numbers of their changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.directory.support import seeded
from zentalk.directory.records import AHEAD_DAYS, is_due, is_valid_on
from zentalk.ids import DAY_SECONDS, Day, day_at
from zentalk.node.records import schedule

NOW = 1_800_000_000.0
times = st.floats(NOW, NOW + 30 * DAY_SECONDS)
seeds = st.integers(0, 1000).map(lambda number: seeded(f"{number}"))


@given(now=times, entropy=seeds, offset=st.integers(-1, AHEAD_DAYS))
def test_what_readers_may_look_for_is_offered_at_once_and_the_rest_within_a_day(
    now: float, entropy: object, offset: int
) -> None:
    day = Day(day_at(now) + offset)
    at = schedule.first_offer(day, now, entropy)  # type: ignore[arg-type]  # drawn by Hypothesis
    assert (at == now) == (abs(offset) <= 1)
    assert now <= at < now + DAY_SECONDS
    assert is_due(day, at)


@given(now=times, entropy=seeds, offset=st.integers(0, AHEAD_DAYS))
def test_a_record_is_looked_for_again_only_once_anybody_may(
    now: float, entropy: object, offset: int
) -> None:
    day = Day(day_at(now) + offset)
    at = schedule.next_look(day, now, entropy)  # type: ignore[arg-type]  # drawn by Hypothesis
    assert at >= now
    assert is_valid_on(day, at)


@given(now=times, later=st.floats(3600, 5 * DAY_SECONDS), before=st.integers(0, 2**40))
def test_later_changes_have_higher_sequences_whoever_counts(
    now: float, later: float, before: int
) -> None:
    """Also of a folder that has forgotten what was published: hours are counted from the day."""
    day = Day(day_at(now) + 8)
    assert schedule.sequence_of_change(day, now, before) > before
    first = schedule.sequence_of_change(day, now, 0)
    assert schedule.sequence_of_change(day, now + later, 0) > first


def test_a_change_shows_within_six_hours_or_at_once() -> None:
    entropy = seeded("change")
    drawn = [schedule.time_of_change(NOW, works=True, entropy=entropy) for _ in range(100)]
    assert min(drawn) < NOW + 3600 < NOW + 4 * 3600 < max(drawn) < NOW + schedule.SPREAD_SECONDS
    assert schedule.time_of_change(NOW, works=False, entropy=entropy) == NOW

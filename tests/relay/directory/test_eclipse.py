"""K7 with the whole directory: simulations/eclipse without its rival, and short."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from simulations.eclipse.ours import around_the_key, around_the_points, measure


@pytest.mark.slow
async def test_k7_twenty_chosen_ids_hide_nothing_from_a_hundred_honest_relays(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    outcome = await measure(tmp_path, honest=100, hostile=20, draw=around_the_key, networks=20)
    assert outcome.share >= 0.95
    assert outcome.hostile_holders < outcome.holders / 2
    assert outcome.keys_drawn > 1000, "and even that had to be paid for"


async def test_k7_control_ids_drawn_for_the_day_in_as_many_networks_hide_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Control, and the limit: the hostile relays do hide what they hold alone."""
    outcome = await measure(tmp_path, honest=25, hostile=20, draw=around_the_points, networks=20)
    assert outcome.share == 0.0
    assert outcome.hostile_holders == outcome.holders
    few = await measure(tmp_path, honest=25, hostile=20, draw=around_the_points, networks=2)
    assert few.share >= 0.95

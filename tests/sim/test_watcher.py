"""The watcher of all lines: finds pairs where there is something to find, and in real networks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from trio.testing import MockClock as Clock

from zentalk.sim.watched import lines_of, watched_network
from zentalk.sim.watcher import Line, expected_rank, ranks

HOUR = 3600.0


def poisson(draw: random.Random, mean: float) -> list[float]:
    times, at = [], 0.0
    while (at := at + draw.expovariate(1 / mean)) < HOUR:
        times.append(at)
    return times


def people(seed: int, *, cover: bool) -> tuple[dict[str, Line], dict[str, str]]:
    """Eight people in pairs; with cover, what they write takes the place of something else."""
    draw = random.Random(seed)
    lines = {f"p{number}": Line() for number in range(8)}
    partners = {f"p{number}": f"p{number ^ 1}" for number in range(8)}
    for name, line in lines.items():
        sent = poisson(draw, 60.0)
        if cover:
            line.out += poisson(draw, 2.0)
            line.into += poisson(draw, 2.0)
        else:
            line.out += sent
            lines[partners[name]].into += [at + 5.0 for at in sent]
    return lines, partners


def test_k5_control_without_cover_every_partner_is_found() -> None:
    for seed in range(3):
        lines, partners = people(seed, cover=False)
        assert set(ranks(lines, partners, HOUR).values()) == {1}


def test_k5_with_cover_the_watcher_guesses() -> None:
    found: list[int] = []
    for seed in range(4):
        lines, partners = people(seed, cover=True)
        found += ranks(lines, partners, HOUR).values()
    assert abs(sum(found) / len(found) - expected_rank(8)) < 1.1


def test_a_silent_network_tells_nothing() -> None:
    lines = {name: Line() for name in "abcd"}
    assert ranks(lines, {"a": "b"}, HOUR) == {"a": 3}


async def found_in(folder: Path, profile: str, people: int, rounds: int) -> list[int]:
    """Ranks of true partners in a real network whose people write twice a minute."""
    async with watched_network(folder, profile=profile, people=people, relays=4) as network:
        seconds = rounds * 30.0
        await network.talk(seconds, 30.0)
        assert min(len(person.arrived_after) for person in network.people) > rounds / 3
        partners = {person.name: network.partner(person).name for person in network.people}
        return list(ranks(lines_of(network.people), partners, seconds).values())


@pytest.mark.long
@pytest.mark.e2e
async def test_k5_control_in_profile_fast_real_people_are_found(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    """Of three others each, so that guesses would add up to 8; after 40 rounds one run in
    sixteen did too, and 60 rounds tell the two apart.
    """
    assert sum(await found_in(tmp_path, "fast", 4, 60)) <= 6


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.slow
async def test_k5_over_many_rounds_the_rank_in_profile_strong_is_that_of_a_guess(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    """`tests/e2e/test_profiles.py` shows the reason in every run: the line is the same.

    `python -m benchmarks profiles` has 200 rounds. Eight uniform ranks of 1 to 7 have a mean
    below 2.2 or above 5.8 once in a hundred.
    """
    found = await found_in(tmp_path, "strong", 8, 60)
    assert 2.2 < sum(found) / len(found) < 5.8

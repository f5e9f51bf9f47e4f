"""What each privacy profile costs and hides: real nodes and relays in virtual time.

Latencies are those of the protocol over cables of 25 ms, bytes are all that passes a person's
line; a processor takes no time here. What a watcher of all lines finds out is K5 of
docs/threat-model.md.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
from pathlib import Path

import trio
from trio.testing import MockClock

from benchmarks.rounds import Row
from zentalk.node.profiles import PROFILES
from zentalk.sim.watched import lines_of, watched_network
from zentalk.sim.watcher import expected_rank, ranks

PEOPLE = 8
ROUNDS = 200
ROUND_SECONDS = 60.0
"""Everybody writes once in a round, at a time drawn for each."""
HOUR = 3600.0
MIB = 2**20


def rows(rounds: int = ROUNDS, people: int = PEOPLE) -> list[Row]:
    """Return the rows of all profiles."""
    found: list[Row] = []
    for profile in PROFILES:
        with tempfile.TemporaryDirectory() as folder:
            run = functools.partial(measure, Path(folder), profile, rounds, people)
            found += trio.run(run, clock=MockClock(autojump_threshold=0))
    return found


async def measure(folder: Path, profile: str, rounds: int, people: int) -> list[Row]:
    """Measure one profile: an idle hour, then rounds in which everybody writes."""
    async with watched_network(folder, profile=profile, people=people) as network:
        everybody = network.people
        await trio.sleep(HOUR)
        idle = statistics.mean(person.bytes_out + person.bytes_in for person in everybody)
        network.look_anew()
        seconds = rounds * ROUND_SECONDS
        await network.talk(seconds, ROUND_SECONDS)
        active = statistics.mean(person.bytes_out + person.bytes_in for person in everybody)
        partners = {person.name: network.partner(person).name for person in everybody}
        places = ranks(lines_of(everybody), partners, seconds)
        waits = sorted(wait for person in everybody for wait in person.arrived_after)
    first = sum(place == 1 for place in places.values())
    return [
        _row(f"{profile}: a message is there after, median", statistics.median(waits), "s"),
        _row(f"{profile}: 99th percentile", waits[int(len(waits) * 0.99)], "s"),
        _row(f"{profile}: idle line", idle / MIB, "MiB/h"),
        _row(f"{profile}: a message a minute each way", active / MIB * HOUR / seconds, "MiB/h"),
        _row(
            f"{profile}: mean rank of the true partner of {people - 1} (chance: "
            f"{expected_rank(people):g}), {rounds} rounds",
            statistics.mean(places.values()),
            "",
        ),
        _row(f"{profile}: true partners found first, of {people}", float(first), ""),
    ]


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": None}

"""`python -m benchmarks peers`: LXMF over Reticulum beside ours, in turn, three times.

The same for both: three relays, every node a process, TCP on loopback, random messages of 1 KiB, a
confirmation for each. LXMF is driven through its library in the sender's process, ours over REST
from a process of its own, which takes a part of the same cores. CPU time is that of the
five processes of a network; what is compared is each side's own run: 16 in flight for ours, and for
LXMF the number in flight at which it was fastest.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import trio

from benchmarks.lxmf_network import LxmfLoad
from benchmarks.own_network import OwnLoad
from benchmarks.peer_load import PeerLoad, Run
from benchmarks.programs import cpu_seconds
from benchmarks.rounds import Row, skipped_row

ROUNDS = 3
COUNT = 400
LEAST_COUNT = 20
ALONE_SHARE = 5
"""One in flight takes several times as long a message, so a fifth as many are sent."""
IN_FLIGHT = 16
LXMF_IN_FLIGHT = (1, 4, 16, 32)
MOST_SECONDS = 300.0

LEAST_RATE, MOST_P50, MOST_CPU = 2.0, 1.6, 1.0
RATE_NAME = f"rate, {IN_FLIGHT} in flight / LXMF's best rate"
P50_NAME = "confirmed p50, 1 in flight / LXMF"
CPU_NAME = "CPU a message, five processes / LXMF"


class Round(NamedTuple):
    """One turn of each."""

    lxmf: Sequence[Run]
    """By messages in flight, the first with one."""
    alone: Run
    crowd: Run
    load_ms: float
    """CPU time per message of this process during `crowd`."""

    @property
    def best(self) -> Run:
        """The run in which LXMF was fastest."""
        return max(self.lxmf, key=lambda run: run.rate)


def rows(count: int = COUNT) -> list[Row]:
    """Each row is a figure of this machine, or a ratio with its target."""
    if missing := [name for name in ("RNS", "LXMF") if importlib.util.find_spec(name) is None]:
        reason = f"no {' and '.join(missing)} here; `make bench-peers` installs rns and lxmf"
        return [
            skipped_row(RATE_NAME, LEAST_RATE, reason, at_least=True),
            skipped_row(P50_NAME, MOST_P50, reason),
            skipped_row(CPU_NAME, MOST_CPU, reason),
        ]
    return trio.run(_measure, max(count, LEAST_COUNT))


async def _measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(MOST_SECONDS):
        async with trio.open_nursery() as nursery:
            lxmf = await LxmfLoad.start(Path(folder), nursery)
            ours = await OwnLoad.start(Path(folder), nursery)
            for load in (lxmf, ours):
                await load.run(count // ALONE_SHARE, 1)
            rounds = [await _round(lxmf, ours, count) for _ in range(ROUNDS)]
            losses = await _losses(lxmf, ours)
            nursery.cancel_scope.cancel()
    return [*_figures(rounds), *losses, *_ratios(rounds)]


async def _round(lxmf: PeerLoad, ours: PeerLoad, count: int) -> Round:
    peers = [
        await lxmf.run(count if in_flight > 1 else count // ALONE_SHARE, in_flight)
        for in_flight in LXMF_IN_FLIGHT
    ]
    alone = await ours.run(count // ALONE_SHARE, 1)
    before = cpu_seconds(os.getpid())
    crowd = await ours.run(count, IN_FLIGHT)
    load_ms = (cpu_seconds(os.getpid()) - before) / count * 1e3
    return Round(peers, alone, crowd, load_ms)


def _figures(rounds: Sequence[Round]) -> list[Row]:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    found = [
        _row(
            f"LXMF, {in_flight} in flight, rate",
            median(lambda one, number=number: one.lxmf[number].rate),  # type: ignore[misc]  # default binds the loop variable
            "messages/s",
        )
        for number, in_flight in enumerate(LXMF_IN_FLIGHT)
    ]
    found += [
        _row("LXMF, best rate", median(lambda one: one.best.rate), "messages/s"),
        _row("LXMF, 1 in flight, confirmed p50", median(lambda one: one.lxmf[0].p50_ms), "ms"),
        _row("LXMF, CPU a message", median(lambda one: one.best.cpu_ms_in_all), "ms"),
    ]
    found += _by_program("LXMF", [one.best for one in rounds])
    found += [
        _row("ours, 1 in flight, rate", median(lambda one: one.alone.rate), "messages/s"),
        _row(
            f"ours, {IN_FLIGHT} in flight, rate", median(lambda one: one.crowd.rate), "messages/s"
        ),
        _row("ours, 1 in flight, confirmed p50", median(lambda one: one.alone.p50_ms), "ms"),
        _row("ours, CPU a message", median(lambda one: one.crowd.cpu_ms_in_all), "ms"),
    ]
    found += _by_program("ours", [one.crowd for one in rounds])
    found.append(
        _row("the load generator beside ours, CPU a message", median(lambda one: one.load_ms), "ms")
    )
    return found


def _by_program(whose: str, runs: Sequence[Run]) -> list[Row]:
    return [
        _row(
            f"{whose}, CPU a message: {program}",
            statistics.median(run.cpu_ms[program] for run in runs),
            "ms",
        )
        for program in runs[0].cpu_ms
    ]


async def _losses(lxmf: PeerLoad, ours: PeerLoad) -> list[Row]:
    found = []
    for whose, load, target in (("LXMF", lxmf, None), ("ours", ours, 0)):
        missing, twice = await load.verdict()
        found += [
            _row(f"{whose}, confirmed but missing", missing, "messages", target),
            _row(f"{whose}, twice", twice, "messages", target),
        ]
    return found


def _ratios(rounds: Sequence[Round]) -> list[Row]:
    rates = [one.crowd.rate / one.best.rate for one in rounds]
    p50s = [one.alone.p50_ms / one.lxmf[0].p50_ms for one in rounds]
    cpus = [one.crowd.cpu_ms_in_all / one.best.cpu_ms_in_all for one in rounds]
    return [
        _ratio(RATE_NAME, rates, LEAST_RATE, at_least=True),
        _ratio(P50_NAME, p50s, MOST_P50),
        _ratio(CPU_NAME, cpus, MOST_CPU),
    ]


def _ratio(name: str, ratios: Sequence[float], target: float, *, at_least: bool = False) -> Row:
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
        "target": target,
        "at_least": at_least,
        "rounds": len(ratios),
    }


def _row(name: str, value: float, unit: str, target: float | None = None) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target}

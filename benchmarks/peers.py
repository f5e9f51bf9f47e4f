"""`python -m benchmarks peers`: LXMF over Reticulum beside ours, in turn, three times.

The same for both: three relays, every node a process, TCP on loopback, random messages of 1 KiB, a
confirmation for each. LXMF is driven through its library in the sender's process, ours over REST
from a process of its own, which takes a part of the same cores. CPU time is that of the
five processes of a network; what is compared is each side's own run: 16 in flight for ours, and for
LXMF the number in flight at which it was fastest.

With `--relays 6` a second network of ours runs beside the first, in turn with it. From six relays
on packets take four hops instead of three, and tunnels have three relays before their end instead
of one.
Where LXMF is not installed its rows are left out, and ours are measured all the same.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import trio

from benchmarks.lxmf_network import LxmfLoad
from benchmarks.own_network import OwnLoad
from benchmarks.peer_load import RELAYS, PeerLoad, Run
from benchmarks.programs import cpu_seconds
from benchmarks.rounds import Row, skipped_row

ROUNDS = 3
COUNT = 400
LEAST_COUNT = 20
ALONE_SHARE = 5
"""One in flight takes several times as long a message, so a fifth as many are sent."""
IN_FLIGHT = 16
LXMF_IN_FLIGHT = (1, 4, 16, 32)
MOST_SECONDS = 900.0

LEAST_RATE, MOST_P50, MOST_CPU = 2.0, 1.6, 1.0
RATE_NAME = f"rate, {IN_FLIGHT} in flight / LXMF's best rate"
P50_NAME = "confirmed p50, 1 in flight / LXMF"
CPU_NAME = "CPU a message, five processes / LXMF"


class Own(NamedTuple):
    """One turn of a network of ours."""

    alone: Run
    crowd: Run
    load_ms: float
    """CPU time per message of this process during `crowd`."""


class Round(NamedTuple):
    """One turn of each network."""

    lxmf: Sequence[Run]
    """By messages in flight, the first with one; empty where there is no LXMF."""
    ours: Own
    larger: Own | None = None
    """Over the other number of relays."""

    @property
    def best(self) -> Run:
        """The run in which LXMF was fastest."""
        return max(self.lxmf, key=lambda run: run.rate)


def rows(count: int = COUNT, relays: int = RELAYS) -> list[Row]:
    """Each row is a figure of this machine, or a ratio with its target."""
    missing = [name for name in ("RNS", "LXMF") if importlib.util.find_spec(name) is None]
    found: list[Row] = trio.run(_measure, max(count, LEAST_COUNT), relays, not missing)
    if missing:
        reason = f"no {' and '.join(missing)} here; `make bench-peers` installs rns and lxmf"
        found += [
            skipped_row(RATE_NAME, LEAST_RATE, reason, at_least=True),
            skipped_row(P50_NAME, MOST_P50, reason),
            skipped_row(CPU_NAME, MOST_CPU, reason),
        ]
    return found


async def _measure(count: int, relays: int, has_lxmf: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(MOST_SECONDS):
        root, larger_root = Path(folder), Path(folder) / "larger"
        larger_root.mkdir()
        async with trio.open_nursery() as nursery:
            lxmf = await LxmfLoad.start(root, nursery) if has_lxmf else None
            ours = await OwnLoad.start(root, nursery)
            larger = None
            if relays != RELAYS:
                larger = await OwnLoad.start(larger_root, nursery, relays)
            for load in (lxmf, ours, larger):
                if load is not None:
                    await load.run(count // ALONE_SHARE, 1)
            rounds = [await _round(lxmf, ours, larger, count) for _ in range(ROUNDS)]
            named = {"LXMF": lxmf, "ours": ours, f"ours, {relays} relays": larger}
            there = {name: load for name, load in named.items() if load is not None}
            lost = await losses(there)
            nursery.cancel_scope.cancel()
    found = _figures(rounds) if has_lxmf else own_figures("ours", [one.ours for one in rounds])
    if larger is not None:
        found += _compared(relays, rounds)
    return [*found, *lost, *(_ratios(rounds) if has_lxmf else ())]


async def _round(
    lxmf: PeerLoad | None, ours: PeerLoad, larger: PeerLoad | None, count: int
) -> Round:
    peers = []
    for in_flight in LXMF_IN_FLIGHT if lxmf is not None else ():
        assert lxmf is not None
        peers.append(await lxmf.run(count if in_flight > 1 else count // ALONE_SHARE, in_flight))
    first = await own_turn(ours, count)
    return Round(peers, first, None if larger is None else await own_turn(larger, count))


async def own_turn(ours: PeerLoad, count: int) -> Own:
    alone = await ours.run(count // ALONE_SHARE, 1)
    before = cpu_seconds(os.getpid())
    crowd = await ours.run(count, IN_FLIGHT)
    return Own(alone, crowd, (cpu_seconds(os.getpid()) - before) / count * 1e3)


def _figures(rounds: Sequence[Round]) -> list[Row]:
    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    found = [
        row(
            f"LXMF, {in_flight} in flight, rate",
            median(lambda one, number=number: one.lxmf[number].rate),  # type: ignore[misc]  # default binds the loop variable
            "messages/s",
        )
        for number, in_flight in enumerate(LXMF_IN_FLIGHT)
    ]
    found += [
        row("LXMF, best rate", median(lambda one: one.best.rate), "messages/s"),
        row("LXMF, 1 in flight, confirmed p50", median(lambda one: one.lxmf[0].p50_ms), "ms"),
        row("LXMF, CPU a message", median(lambda one: one.best.cpu_ms_in_all), "ms"),
    ]
    found += _by_program("LXMF", [one.best for one in rounds])
    return [*found, *own_figures("ours", [one.ours for one in rounds])]


def own_figures(whose: str, turns: Sequence[Own]) -> list[Row]:
    def median(of: Callable[[Own], float]) -> float:
        return statistics.median(map(of, turns))

    return [
        row(f"{whose}, 1 in flight, rate", median(lambda one: one.alone.rate), "messages/s"),
        row(
            f"{whose}, {IN_FLIGHT} in flight, rate",
            median(lambda one: one.crowd.rate),
            "messages/s",
        ),
        row(f"{whose}, 1 in flight, confirmed p50", median(lambda one: one.alone.p50_ms), "ms"),
        row(
            f"{whose}, {IN_FLIGHT} in flight, confirmed p50",
            median(lambda one: one.crowd.p50_ms),
            "ms",
        ),
        row(f"{whose}, CPU a message", median(lambda one: one.crowd.cpu_ms_in_all), "ms"),
        *_by_program(whose, [one.crowd for one in turns]),
        row(
            f"the load generator beside {whose}, CPU a message",
            median(lambda one: one.load_ms),
            "ms",
        ),
    ]


def _compared(relays: int, rounds: Sequence[Round]) -> list[Row]:
    """Return the figures over the other number of relays, and their ratios to those over three."""
    pairs = [(one.larger, one.ours) for one in rounds if one.larger is not None]
    name = f"{relays} relays / {RELAYS}"
    ratios = {
        "rate": [there.crowd.rate / here.crowd.rate for there, here in pairs],
        "confirmed p50, 1 in flight": [
            there.alone.p50_ms / here.alone.p50_ms for there, here in pairs
        ],
        "CPU a message": [
            there.crowd.cpu_ms_in_all / here.crowd.cpu_ms_in_all for there, here in pairs
        ],
    }
    figures = own_figures(f"ours, {relays} relays", [there for there, _ in pairs])
    return [
        *figures,
        *(ratio_row(f"{what}, {name}", found, None) for what, found in ratios.items()),
    ]


def _by_program(whose: str, runs: Sequence[Run]) -> list[Row]:
    return [
        row(
            f"{whose}, CPU a message: {program}",
            statistics.median(run.cpu_ms[program] for run in runs),
            "ms",
        )
        for program in runs[0].cpu_ms
    ]


async def losses(loads: Mapping[str, PeerLoad]) -> list[Row]:
    found = []
    for whose, load in loads.items():
        target = None if whose == "LXMF" else 0
        missing, twice = await load.verdict()
        found += [
            row(f"{whose}, confirmed but missing", missing, "messages", target),
            row(f"{whose}, twice", twice, "messages", target),
        ]
    return found


def _ratios(rounds: Sequence[Round]) -> list[Row]:
    rates = [one.ours.crowd.rate / one.best.rate for one in rounds]
    p50s = [one.ours.alone.p50_ms / one.lxmf[0].p50_ms for one in rounds]
    cpus = [one.ours.crowd.cpu_ms_in_all / one.best.cpu_ms_in_all for one in rounds]
    return [
        ratio_row(RATE_NAME, rates, LEAST_RATE, at_least=True),
        ratio_row(P50_NAME, p50s, MOST_P50),
        ratio_row(CPU_NAME, cpus, MOST_CPU),
    ]


def ratio_row(
    name: str, ratios: Sequence[float], target: float | None, *, at_least: bool = False
) -> Row:
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
        "target": target,
        "at_least": at_least,
        "rounds": len(ratios),
    }


def row(name: str, value: float, unit: str, target: float | None = None) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target}

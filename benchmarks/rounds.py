"""How a ratio is measured: many short rounds, both sides in each, the median over all.

What else runs on the machine then shifts both sides alike.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Work = Callable[[], None]
Seconds = Callable[[Work], float]
"""Tells how long work takes."""


def cpu_seconds(work: Work) -> float:
    """Return the CPU time of this process for some work."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e9


def wall_seconds(work: Work) -> float:
    """Return how long some work takes, waiting included."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e9


def ratio_row(
    name: str,
    target: float | None,
    one_round: Callable[[Seconds], float],
    rounds: int,
    seconds: Seconds = cpu_seconds,
    *,
    at_least: bool = False,
) -> Row:
    """Run the rounds; the target is a maximum, with `at_least` a minimum, or there is none."""
    one_round(seconds)
    gc.collect()
    gc.disable()
    try:
        ratios = [one_round(seconds) for _ in range(rounds)]
    finally:
        gc.enable()
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": target,
        "at_least": at_least,
        "rounds": rounds,
    }


def skipped_row(name: str, target: float | None, reason: str, *, at_least: bool = False) -> Row:
    """Return a row that could not be measured here."""
    return {"name": name, "target": target, "at_least": at_least, "skipped": reason}

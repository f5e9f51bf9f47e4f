"""Honest messages while 1,000 idle and 200 slow links beset a relay that they pass (attack K18).

The trial is `tests/faults/crowd.py`, as own processes: relays, people and the crowd share the
cores. The ratio is that of the 99th percentiles with and without the crowd in one run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

IDLE, SLOW, MESSAGES = 1000, 200, 300
MOST_TIMES_SLOWER = 2.0

Row = dict[str, Any]


def rows() -> list[Row]:
    """Run the trial once; return its ratio and the relay's memory."""
    numbers = {"--idle": IDLE, "--slow": SLOW, "--messages": MESSAGES}
    words = [str(word) for pair in numbers.items() for word in pair]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crowd", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    about = f"{report['idle_links']:,} idle and {SLOW} slow links at a relay"
    return [
        _row(f"{about}: p99 of messages / without", report["p99_ratio"], "x", MOST_TIMES_SLOWER),
        _row(f"{about}: p99 of messages", report["p99_with_crowd_ms"], "ms", None),
        _row(f"{about}: memory of the relay", report["relay_mib"], "MiB", report["budget_mib"]),
    ]


def _row(name: str, value: float, unit: str, target: float | None) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target}

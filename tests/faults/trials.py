"""Runs `tests/faults/run.py` as a program and returns its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SECONDS = 900
SEED = os.environ.get("ZENTALK_FAULTS_SEED", "0")


def trial(*arguments: object, failing: bool = False) -> dict[str, Any]:
    """Run a trial; return its report, or fail with what it says.

    `failing`: the trial must find a fault, or else this fails.
    """
    words = [*map(str, arguments), "--seed", SEED]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    said = f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == int(failing), said
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report

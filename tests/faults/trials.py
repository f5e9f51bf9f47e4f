"""Runs the trials of this folder as programs and returns their reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_SECONDS = 1500
REPORTS: list[tuple[str, dict[str, Any]]] = []
"""Every trial that ran in this session, for the summary at its end."""
SEED = os.environ.get("ZENTALK_FAULTS_SEED", "0")


def trial(*arguments: object, program: str = "run") -> dict[str, Any]:
    """Run a trial with the seed `ZENTALK_FAULTS_SEED`, or 0; return its report.

    Fails with all that it says if it found a fault.
    """
    words = [*map(str, arguments), "--seed", SEED]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{program}", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    said = f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    REPORTS.append((" ".join([program, *words]), report))
    return report

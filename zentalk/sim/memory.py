"""The memory that processes use together; pages that they share count once."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_KIB_PER_MIB: Final = 1024


def peak_mib() -> float:
    """Return the most memory that this process has used."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_KIB_PER_MIB**2 if sys.platform == "darwin" else _KIB_PER_MIB)


def share_mib(pids: Iterable[int]) -> float:
    """Return what processes use now, or 0 where the system does not tell (only Linux does)."""
    return sum(_share_kib(pid) for pid in pids) / _KIB_PER_MIB


def _share_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)

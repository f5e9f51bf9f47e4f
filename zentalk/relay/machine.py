"""The resources that a relay takes of its machine, looked up by whoever asks for its status.

From the outside, so that it is true also when the relay is too busy to say it. What the system
does not tell is left out: without `/proc` (macOS, BSD, some containers) there are only the most
memory that the relay ever took, which it tells of itself, and its uptime to the hour.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_START_TIME_FIELD: Final = 19
"""The field of /proc/PID/stat, after the command name, with the start of the process in ticks."""
_RESIDENT_FIELD: Final = 21


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()


def uptime_seconds(pid: int) -> int | None:
    """Return how long a process has run, None if the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        since_boot = float(Path("/proc/uptime").read_text("ascii").split()[0])
        ticks = int(_fields(pid)[_START_TIME_FIELD])
        return max(0, int(since_boot - ticks / os.sysconf("SC_CLK_TCK")))
    return None


def own_peak_memory() -> dict[str, int]:
    """Return the most memory that this process has taken so far, in bytes."""
    # getrusage(2): kilobytes, but on macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}


def process_memory(pid: int) -> dict[str, int]:
    """Return the memory of a process in bytes."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(_fields(pid)[_RESIDENT_FIELD])
        return {"process_bytes": pages * os.sysconf("SC_PAGE_SIZE")}
    return {}


def disk_use(folder: Path) -> dict[str, int]:
    """Return what the databases take, logs and ballast included, and what is free, in bytes."""
    found: dict[str, int] = {}
    with suppress(OSError):
        sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
        for name in ("queue", "directory"):
            found[f"{name}_bytes"] = sum(
                size for file, size in sizes.items() if file.startswith(f"{name}.db")
            )
        free = free_bytes(folder)
        if free is not None:
            found["free_bytes"] = free
    return found


def free_bytes(folder: Path) -> int | None:
    """Return what is free where a folder is, or would be; None if the system does not say."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with suppress(OSError):
        found = os.statvfs(there)
        if found.f_blocks:
            return found.f_bavail * found.f_frsize
    return None

"""How a whole API node starts on a large history, and how much memory it takes.

A real process, as a user runs it; its only relay does not exist, for the network is not what is
measured. The time holds everything from the start of Python to the line `ready`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.rounds import Row
from zentalk.client import Client
from zentalk.client.folder import find_node
from zentalk.ids import UserAddress
from zentalk.wire.text import parse_address

MOST_SECONDS: Final = 3.0
MOST_MIB: Final = 200.0
READS: Final = 50
"""Of each kind, before the memory is looked at once more."""
_NOBODY: Final = "zt-relay:" + "a" * 52 + "@127.0.0.1:9"
_ZENTALK: Final = (sys.executable, "-m", "zentalk", "api")


def set_up(folder: Path) -> UserAddress:
    """Make a node in a folder; return its address."""
    words = (*_ZENTALK, "init", "--dir", str(folder), "--port", "0", "--bootstrap", _NOBODY)
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return parse_address(done.stdout.strip())


def rows(folder: Path, words: str) -> list[Row]:
    """Start the node twice, the second time with a warm cache of files, and read from it."""
    cold = _started(folder, None)
    warm = _started(folder, words)
    return [
        _row("start of a whole node, first time", cold[0], "s", MOST_SECONDS),
        _row("start of a whole node", warm[0], "s", MOST_SECONDS),
        _row("memory of the node after its start", cold[1], "MiB", MOST_MIB),
        _row("memory of the node after reads", warm[1], "MiB", MOST_MIB),
    ]


def _started(folder: Path, words: str | None) -> tuple[float, float]:
    """Return how long a start took in seconds, and the most MiB of memory that were taken."""
    began = time.perf_counter()
    with _running(folder) as pid:
        taken = time.perf_counter() - began
        if words is not None:
            _read(folder, words)
        return taken, most_mib(pid)


@contextmanager
def _running(folder: Path) -> Iterator[int]:
    words = (*_ZENTALK, "run", "--dir", str(folder))
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith("ready "):
                raise RuntimeError("the API node did not start")
            yield process.pid
        finally:
            process.terminate()


def _read(folder: Path, words: str) -> None:
    url, token = find_node(folder)
    with Client(url, token) as client:
        for number in range(READS):
            listed = client.conversations()
            client.messages(listed[number % len(listed)].address, limit=1000)
            client.search(words)


def most_mib(pid: int) -> float:
    """Return the most memory that a process has had, 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(found) / 1024


def _row(name: str, value: float, unit: str, target: float) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target}

"""How many hashes a second one thread finds proof of work with, and what prices take with it.

The loop is Python's, with hashing in C: a thread that searches holds the interpreter's lock, so two
of them are no faster than one. A native program with vector instructions on the
same core is about fifteen times as fast (ADR 0015).
"""

from __future__ import annotations

import statistics
import threading
from functools import partial
from typing import Final

from benchmarks.rounds import Row, cpu_seconds, wall_seconds
from zentalk.crypto.labels import Label
from zentalk.crypto.work import find_work

TRIES: Final = 400_000
ROUNDS: Final = 5
IMPOSSIBLE_BITS: Final = 200
PRICES: Final = (16, 19, 22)


def rows() -> list[Row]:
    """Measure."""
    one = statistics.median(TRIES / cpu_seconds(partial(_search, 1)) for _ in range(ROUNDS))
    two = statistics.median(2 * TRIES / wall_seconds(partial(_search, 2)) for _ in range(ROUNDS))
    return [
        _row("hashes a second of processor time, one thread", one / 1e6, "million"),
        _row("hashes a second, two threads together, if nothing else runs", two / 1e6, "million"),
        *(_row(f"work of {bits} bits, on average", 2**bits / one, "s") for bits in PRICES),
    ]


def _search(threads: int) -> None:
    search = (Label.MAILBOX_WORK_TRY, bytes(32), IMPOSSIBLE_BITS, 0, TRIES)
    running = [threading.Thread(target=find_work, args=search) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": None}

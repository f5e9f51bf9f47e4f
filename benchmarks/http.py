"""What a GET costs: REST of a real node under our HTTP server and under Hypercorn.

Each server is a process of its own with a node of its own, asked in turn over one connection that
stays open; what counts is the CPU time of the server's process. Ratios are those of rounds. Rows
with 50 clients are those of `benchmarks.http_crowd`.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from benchmarks import http_crowd
from benchmarks.http_server import TOKEN
from benchmarks.programs import Program
from benchmarks.raw_http import RawConnection, RawHttp
from benchmarks.rounds import Row, skipped_row

PATHS = ("/v1/health", "/v1/contacts")
"""The application alone, and with a question to the node's database."""
REQUESTS = 1500
ROUNDS = 7
MOST = 0.5


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        crowded = trio.run(http_crowd.measure, Path(folder))
    return [*against_hypercorn(), *crowded]


def against_hypercorn() -> list[Row]:
    names = [f"GET {path}, CPU under our server / under Hypercorn" for path in PATHS]
    if importlib.util.find_spec("hypercorn") is None:
        return [skipped_row(name, MOST, "no hypercorn here; see `make bench`") for name in names]
    return trio.run(measure, names)


async def measure(names: Sequence[str]) -> list[Row]:
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            sides = [await Side.start(name, Path(folder), nursery) for name in SIDES]
            for name, path in zip(names, PATHS, strict=True):
                found += await compared(name, path, sides)
            nursery.cancel_scope.cancel()
    return found


SIDES = ("ours", "hypercorn")


class Side:
    """One server and the connection to it."""

    def __init__(self, program: Program, connection: RawConnection) -> None:
        self._program = program
        self._connection = connection

    @classmethod
    async def start(cls, name: str, root: Path, nursery: trio.Nursery) -> Side:
        folder = root / name
        folder.mkdir(mode=0o700)
        words = ("-m", "benchmarks.http_server", str(folder), name)
        program = await Program.start(name, nursery, *words)
        http = RawHttp(f"http://127.0.0.1:{await program.ready()}", TOKEN)
        return cls(program, await nursery.start(hold_open, http))

    async def seconds(self, path: str, count: int = REQUESTS) -> float:
        """Return the CPU time of the server for one GET."""
        before = self._program.cpu_seconds()
        for _ in range(count):
            await self._connection.get(path)
        return (self._program.cpu_seconds() - before) / count


async def hold_open(http: RawHttp, *, task_status: trio.TaskStatus[RawConnection]) -> None:
    async with http.connection() as connection:
        task_status.started(connection)
        await trio.sleep_forever()


async def compared(name: str, path: str, sides: Sequence[Side]) -> list[Row]:
    """Return the ratio of the two, and what a GET costs under ours."""
    for side in sides:
        await side.seconds(path, 300)
    rounds = [[await side.seconds(path) for side in sides] for _ in range(ROUNDS)]
    ratios = [ours / theirs for ours, theirs in rounds]
    low, _, high = statistics.quantiles(ratios, n=4)
    ratio: dict[str, Any] = {
        "name": name,
        "ratio": statistics.median(ratios),
        "spread": [low, high],
        "target": MOST,
        "at_least": False,
        "rounds": ROUNDS,
    }
    own = statistics.median(ours for ours, _ in rounds)
    cost = {"name": f"GET {path}, CPU of the server", "value": own * 1e3, "unit": "ms"}
    return [ratio, {**cost, "target": None}]

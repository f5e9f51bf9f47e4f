"""How many GETs a second REST answers to 50 clients, beside FastAPI with one route.

All run under our HTTP server, each as a process of its own, and are asked in turn over 50
connections that stay open; each asks again once it has its answer. The rate is that of a second of
the server's CPU: how many it answers where nothing else holds it up, be it the load or others.
Ratios are those of rounds; the rates by the clock are printed beside them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import trio

from benchmarks.http_server import TOKEN
from benchmarks.programs import Program
from benchmarks.raw_http import RawConnection, RawHttp
from benchmarks.rounds import Row

CLIENTS = 50
REQUESTS = 60
"""Of each client in a round."""
ROUNDS = 9
ASKED = {
    "no application": "/v1/health",
    "one route of FastAPI": "/v1/health",
    "GET /v1/health": "/v1/health",
    "GET /v1/me": "/v1/me",
    "GET /v1/conversations": "/v1/conversations",
    "GET /v1/invites": "/v1/invites",
}
"""What is asked for by each name."""
SERVERS = {"no application": "bare", "one route of FastAPI": "fastapi"}
"""Which server has it, if not REST."""
TARGETS = {
    "GET /v1/health": 0.7,
    "GET /v1/me": 0.7,
    "GET /v1/conversations": 0.7,
    "GET /v1/invites": None,
}
"""The least share of FastAPI's rate. The last asks the database each time: that has none."""


class Turn(NamedTuple):
    """GETs in a second of the server's CPU, and in a second by the clock."""

    of_cpu: float
    of_clock: float


class Crowd:
    """One server with its clients."""

    def __init__(self, program: Program, connections: Sequence[RawConnection]) -> None:
        self._program = program
        self._connections = connections

    @classmethod
    async def start(cls, what: str, root: Path, nursery: trio.Nursery) -> Crowd:
        folder = root / what
        folder.mkdir(mode=0o700)
        words = ("-m", "benchmarks.http_server", str(folder), what)
        program = await Program.start(what, nursery, *words)
        http = RawHttp(f"http://127.0.0.1:{await program.ready()}", TOKEN)
        return cls(program, [await nursery.start(hold_open, http) for _ in range(CLIENTS)])

    async def turn(self, path: str, count: int = REQUESTS) -> Turn:
        """Let every client ask so many times."""
        used, start = self._program.cpu_seconds(), time.perf_counter()
        async with trio.open_nursery() as nursery:
            for connection in self._connections:
                nursery.start_soon(ask, connection, path, count)
        took = time.perf_counter() - start
        asked = CLIENTS * count
        return Turn(asked / (self._program.cpu_seconds() - used), asked / took)


async def ask(connection: RawConnection, path: str, count: int) -> None:
    for _ in range(count):
        await connection.get(path)


async def hold_open(http: RawHttp, *, task_status: trio.TaskStatus[RawConnection]) -> None:
    async with http.connection() as connection:
        task_status.started(connection)
        await trio.sleep_forever()


async def measure(root: Path) -> list[Row]:
    """Return the rows: ratios to FastAPI for REST, and all rates."""
    async with trio.open_nursery() as nursery:
        crowds = {
            what: await Crowd.start(what, root, nursery) for what in ("bare", "fastapi", "ours")
        }
        sides = {name: crowds[SERVERS.get(name, "ours")] for name in ASKED}
        for name, path in ASKED.items():
            await sides[name].turn(path)
        turns: dict[str, list[Turn]] = {name: [] for name in ASKED}
        for _ in range(ROUNDS):
            for name, path in ASKED.items():
                turns[name].append(await sides[name].turn(path))
        nursery.cancel_scope.cancel()
    return rows_of(turns)


def rows_of(turns: dict[str, list[Turn]]) -> list[Row]:
    found: list[Row] = []
    for name, target in TARGETS.items():
        pairs = zip(turns[name], turns["one route of FastAPI"], strict=True)
        ratios = [own.of_cpu / other.of_cpu for own, other in pairs]
        low, _, high = statistics.quantiles(ratios, n=4)
        found.append(
            {
                "name": f"{name}, {CLIENTS} clients: rate / that of one route of FastAPI",
                "ratio": statistics.median(ratios),
                "spread": [low, high],
                "target": target,
                "at_least": True,
                "rounds": ROUNDS,
            }
        )
    for name, of in turns.items():
        for kind in Turn._fields:
            value = statistics.median(getattr(turn, kind) for turn in of)
            about = f"{name}, {CLIENTS} clients, a second {kind.replace('_', ' ')}"
            found.append({"name": about, "value": value, "unit": "GET", "target": None})
    return found

"""`python -m benchmarks acks`: what part of the CPU of a message is that of compact acks.

Two networks of processes under the load of `benchmarks.peers`, in turn: one as it is, and one whose
nodes ask for no acks at all. What is found is the most that asking for fewer could save
(docs/design/adr-0005-confirmations-are-acknowledged.md).
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import trio

from benchmarks.own_network import OwnLoad
from benchmarks.peer_load import RELAYS
from benchmarks.rounds import Row

NETWORKS = (RELAYS, 6)
"""Paths of three hops, and of four."""
ROUNDS = 9
WARM_UP = 60
COUNTS = {1: 100, 16: 300}
"""Messages by how many are in flight."""
WITHOUT = "benchmarks.without_acks"


def rows() -> list[Row]:
    """One row for each network and load: the part of the CPU of all its processes."""
    return [row for relays in NETWORKS for row in trio.run(_compared, relays)]


async def _compared(relays: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            acks, none = [
                await OwnLoad.start(_made(Path(folder) / program), nursery, relays, program)
                for program in ("zentalk", WITHOUT)
            ]
            for load in (acks, none):
                await load.run(WARM_UP, 1)
            rounds = [
                {flight: await _saved(acks, none, flight) for flight in COUNTS}
                for _ in range(ROUNDS)
            ]
            nursery.cancel_scope.cancel()
    return [_row(relays, flight, [one[flight] for one in rounds]) for flight in COUNTS]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _saved(acks: OwnLoad, none: OwnLoad, in_flight: int) -> float:
    with_acks = await acks.run(COUNTS[in_flight], in_flight)
    without = await none.run(COUNTS[in_flight], in_flight)
    return 1 - without.cpu_ms_in_all / with_acks.cpu_ms_in_all


def _row(relays: int, in_flight: int, shares: list[float]) -> Row:
    low, _, high = statistics.quantiles(shares, n=4)
    return {
        "name": f"acks / CPU of a message, {relays} relays, {in_flight} in flight",
        "ratio": statistics.median(shares),
        "spread": [low, high],
        "target": None,
        "at_least": False,
        "rounds": len(shares),
    }

"""Messages over WebSockets beside messages over TCP, in turn: what a line of HTTP alone costs.

Two networks of processes as in `benchmarks.peers`; the nodes of one may use WebSockets only. Relays
speak TCP to each other in both. Behind them are ratios of one link alone, with QUIC.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import trio

from benchmarks import link_ways
from benchmarks.own_network import OwnLoad
from benchmarks.peers import (
    ALONE_SHARE,
    COUNT,
    IN_FLIGHT,
    MOST_SECONDS,
    ROUNDS,
    Own,
    losses,
    own_figures,
    own_turn,
    ratio_row,
)
from benchmarks.rounds import Row

TCP, WEB = "TCP", "WebSocket"


def rows(count: int = COUNT) -> list[Row]:
    """Each row is a figure of this machine, or a ratio of one way to the other."""
    return [*trio.run(_measure, count), *link_ways.rows(count)]


async def _measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(MOST_SECONDS):
        async with trio.open_nursery() as nursery:
            loads = {}
            for way in (TCP, WEB):
                root = Path(folder) / way
                root.mkdir()
                loads[way] = await OwnLoad.start(root, nursery, web=way == WEB)
                await loads[way].run(count // ALONE_SHARE, 1)
            turns: dict[str, list[Own]] = {way: [] for way in loads}
            for _ in range(ROUNDS):
                for way, load in loads.items():
                    turns[way].append(await own_turn(load, count))
            lost = await losses(loads)
            nursery.cancel_scope.cancel()
    figures = [row for way, found in turns.items() for row in own_figures(way, found)]
    return [*figures, *lost, *_ratios(turns[WEB], turns[TCP])]


def _ratios(there: list[Own], here: list[Own]) -> list[Row]:
    pairs = list(zip(there, here, strict=True))
    found = {
        f"rate, {IN_FLIGHT} in flight": [a.crowd.rate / b.crowd.rate for a, b in pairs],
        "confirmed p50, 1 in flight": [a.alone.p50_ms / b.alone.p50_ms for a, b in pairs],
        "CPU a message": [a.crowd.cpu_ms_in_all / b.crowd.cpu_ms_in_all for a, b in pairs],
    }
    return [ratio_row(f"{what}, {WEB} / {TCP}", ratios, None) for what, ratios in found.items()]

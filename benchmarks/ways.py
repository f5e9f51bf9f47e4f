"""Messages over WebSockets, and directly, beside messages over TCP and relays, in turn.

Networks of processes as in `benchmarks.peers`; the nodes of one may use WebSockets only, and those
of another are connected directly. Relays speak TCP to each other in all. Mail that is polled over
HTTP is measured between them, without ratios: no nodes are at its ends, so it is less work. Behind
them are ratios of one link alone, with QUIC.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import trio

from benchmarks import link_ways
from benchmarks.own_network import OwnLoad
from benchmarks.peer_load import PeerLoad
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
from benchmarks.polling import PollLoad
from benchmarks.rounds import Row, skipped_row

TCP, WEB, DIRECT, POLLING = "TCP", "WebSocket", "direct", "HTTP polling"


def rows(count: int = COUNT) -> list[Row]:
    """Each row is a figure of this machine, or a ratio of one way to the other."""
    there = [WEB, *([DIRECT] if importlib.util.find_spec("aioquic") else [])]
    found: list[Row] = trio.run(_measure, there, count)
    if DIRECT not in there:
        found.append(skipped_row(f"all of {DIRECT} / {TCP}", None, "no aioquic here"))
    return [*found, *link_ways.rows(count)]


async def _measure(others: list[str], count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(MOST_SECONDS):
        async with trio.open_nursery() as nursery:
            loads: dict[str, PeerLoad] = {}
            for way in (TCP, *others, POLLING):
                root = Path(folder) / way
                root.mkdir()
                loads[way] = await _start(way, root, nursery)
                await loads[way].run(count // ALONE_SHARE, 1)
            turns: dict[str, list[Own]] = {way: [] for way in loads}
            for _ in range(ROUNDS):
                for way, load in loads.items():
                    turns[way].append(await own_turn(load, count))
            lost = await losses(loads)
            nursery.cancel_scope.cancel()
    figures = [row for way, found in turns.items() for row in own_figures(way, found)]
    ratios = [row for way in others for row in _ratios(way, turns[way], turns[TCP])]
    return [*figures, *lost, *ratios]


async def _start(way: str, root: Path, nursery: trio.Nursery) -> PeerLoad:
    if way == POLLING:
        return await PollLoad.start(root, nursery)
    return await OwnLoad.start(root, nursery, web=way == WEB, direct=way == DIRECT)


def _ratios(way: str, there: list[Own], here: list[Own]) -> list[Row]:
    pairs = list(zip(there, here, strict=True))
    found = {
        f"rate, {IN_FLIGHT} in flight": [a.crowd.rate / b.crowd.rate for a, b in pairs],
        "confirmed p50, 1 in flight": [a.alone.p50_ms / b.alone.p50_ms for a, b in pairs],
        f"confirmed p50, {IN_FLIGHT} in flight": [
            a.crowd.p50_ms / b.crowd.p50_ms for a, b in pairs
        ],
        "CPU a message": [a.crowd.cpu_ms_in_all / b.crowd.cpu_ms_in_all for a, b in pairs],
    }
    return [ratio_row(f"{what}, {way} / {TCP}", ratios, None) for what, ratios in found.items()]

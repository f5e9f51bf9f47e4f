"""Trials: a real network of programs that is broken while people write, and what came of it.

    python -m tests.faults.run relays --messages 10000 --in-flight 256 --seed 7
    python -m tests.faults.run nodes --messages 10000 --every 5
    python -m tests.faults.run half-opens

Prints where it stands now and then, and one line of JSON at the end; exits with 1 if an
accepted message was lost or shown twice, and says which. A process of its own, because the
process that starts the programs must be forked while there is one thread.
"""

# ruff: noqa: T201  # it is a program

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trio

from tests.faults import proxy
from tests.faults.chaos import Chaos
from tests.faults.places import FixedPorts, OverProxies
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.sim.folders import run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.processes import ProcessNetwork, ProgramPlaces, process_network
from zentalk.sim.report import summarize
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress, Workload, WorkloadResult

SHOWN_FAULTS = 20
KILLS = ("relays", "nodes")
NOTHING = "none"

Trouble = Callable[[ProcessNetwork], Awaitable[None]]


class Progressing:
    """Says where a run stands, now and then."""

    def __init__(self) -> None:
        self._said = -10.0

    def __call__(self, progress: Progress) -> None:
        """Print a line if the last is ten seconds old."""
        now = trio.current_time()
        if now >= self._said + 10:
            self._said = now
            counts = f"{progress.sent} sent, {progress.delivered} delivered"
            print(f"{progress.phase}: {counts}", flush=True)


async def write_while(
    scenario: Scenario, network: ProcessNetwork, trouble: Trouble
) -> dict[str, Any]:
    """Let people write while `trouble` breaks the network; judge when all has arrived.

    The trouble ends with the last message that is written; what is on its way then must arrive.
    """
    began = trio.current_time()
    say_progress = Progressing()
    outcomes: list[WorkloadResult] = []
    arrived_at: list[float] = []
    async with trio.open_nursery() as nursery:

        def watch(progress: Progress) -> None:
            say_progress(progress)
            if progress.sent == scenario.messages:
                nursery.cancel_scope.cancel()
            if progress.phase.startswith("waiting") and not arrived_at:
                arrived_at.append(trio.current_time())

        async def work() -> None:
            with trio.CancelScope(shield=True):
                outcomes.append(await Workload(scenario, network, watch).run())

        nursery.start_soon(work)
        await trouble(network)
    [outcome] = outcomes
    seconds = arrived_at[0] - began
    return {
        "seed": scenario.seed,
        "messages": scenario.messages,
        **asdict(outcome.verdict),
        "seconds": round(seconds, 1),
        "per_second": round(outcome.verdict.delivered / seconds, 1),
        "latency_ms": asdict(summarize(outcome.latencies)),
        "crashed": network.crashed,
        "faults": list(outcome.faults),
    }


async def kill_trial(
    scenario: Scenario, what: str, every_seconds: float, folder: Path, launcher: Launcher
) -> dict[str, Any]:
    """Kill programs while people write."""
    kills = 0

    async def trouble(network: ProcessNetwork) -> None:
        nonlocal kills
        chaos = Chaos(network, scenario.seed, every_seconds)
        try:
            if what != NOTHING:
                await (chaos.kill_relays() if what == "relays" else chaos.kill_users())
        finally:
            kills = chaos.kills

    places = FixedPorts(launcher, scenario.nodes)
    report = await _with_network(scenario, folder, [launcher], places, trouble)
    return report | {"kills": kills}


async def proxy_trial(
    scenario: Scenario, what: str, folder: Path, launcher: Launcher
) -> dict[str, Any]:
    """Let all connections to relays go through proxies that misbehave while people write."""
    chance = random.Random(scenario.seed)
    places = await OverProxies.make(launcher, scenario.nodes, scenario.seed)

    async def trouble(_network: ProcessNetwork) -> None:
        try:
            await proxy.TROUBLES[what](places.proxies, chance)
        finally:
            for each in places.proxies:
                each.flow()

    async with trio.open_nursery() as nursery:
        for each in places.proxies:
            nursery.start_soon(each.run)
        report = await _with_network(scenario, folder, [launcher], places, trouble)
        nursery.cancel_scope.cancel()
    return report | {"connections": sum(each.connections for each in places.proxies)}


async def _with_network(
    scenario: Scenario,
    folder: Path,
    launchers: Sequence[Launcher],
    places: ProgramPlaces,
    trouble: Trouble,
) -> dict[str, Any]:
    async with trio.open_nursery() as nursery:
        for launcher in launchers:
            await nursery.start(launcher.run)
        async with process_network(
            folder, scenario.nodes, scenario.users, lambda *_: None, places
        ) as network:
            report = await write_while(scenario, network, trouble)
        nursery.cancel_scope.cancel()
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run")
    parser.add_argument("trouble", choices=[NOTHING, *KILLS, *proxy.TROUBLES])
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--relays", type=int, default=10)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="leave the folders behind")
    options = parser.parse_args()
    scenario = Scenario(
        nodes=options.relays,
        users=options.people,
        messages=options.messages,
        offline=False,
        switch=False,
        net="processes",
        seed=options.seed,
        in_flight=options.in_flight,
    )
    what: str = options.trouble
    configure_logging(logging.ERROR)
    raise_file_limit()
    with run_folder(keep=options.keep) as folder, Launcher(program, preload) as launcher:
        if what in proxy.TROUBLES:
            report = trio.run(proxy_trial, scenario, what, folder, launcher)
        else:
            report = trio.run(kill_trial, scenario, what, options.every, folder, launcher)
    return say(report)


def say(report: dict[str, Any]) -> int:
    """Print what came of it; 1 if an accepted message was lost or shown twice."""
    faults = report["faults"]
    for fault in faults[:SHOWN_FAULTS]:
        print(f"seed {report['seed']}: {fault}")
    if len(faults) > SHOWN_FAULTS:
        print(f"and {len(faults) - SHOWN_FAULTS} more")
    print(json.dumps(report | {"faults": len(faults)}))
    missing = report["messages"] - report["sent"]
    return 1 if faults or missing or report["crashed"] or report["confirmed_but_missing"] else 0


if __name__ == "__main__":
    sys.exit(main())

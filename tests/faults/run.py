"""Trials: a real network of programs that is broken while people write, and what came of it.

    python -m tests.faults.run relays --messages 10000 --seed 7
    python -m tests.faults.run nodes --messages 10000 --every 5

Prints a line of progress now and then, and one line of JSON at the end; exits with 1 if an
accepted message was lost or shown twice, and says which. A process of its own, because the
process that starts the programs must be forked while there is one thread.
"""

# ruff: noqa: T201  # it is a program

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trio

from tests.faults.chaos import Chaos
from tests.faults.places import FixedPorts
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.sim.folders import run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.processes import ProcessNetwork, process_network
from zentalk.sim.report import summarize
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Outcome, Progress, Workload

SHOWN_FAULTS = 20

Trouble = Callable[[ProcessNetwork, Chaos], Awaitable[None]]


@dataclass(slots=True)
class Trial:
    """One run of a network, seen from outside."""

    scenario: Scenario
    trouble: Trouble
    every_seconds: float
    said: float = 0.0

    def watch(self, progress: Progress) -> None:
        """Say where it stands, now and then."""
        now = trio.current_time()
        if now >= self.said + 10:
            self.said = now
            print(
                f"{progress.phase}: {progress.sent} sent, {progress.delivered} delivered",
                flush=True,
            )

    async def run(self, folder: Path, launcher: Launcher) -> dict[str, Any]:
        """Start the network, let people write while it is broken, and judge."""
        scenario = self.scenario
        async with trio.open_nursery() as nursery:
            await nursery.start(launcher.run)
            places = FixedPorts(launcher, scenario.nodes)
            async with process_network(
                folder, scenario.nodes, scenario.users, lambda *_: None, places
            ) as network:
                report = await self._break(network)
            nursery.cancel_scope.cancel()
        return report

    async def _break(self, network: ProcessNetwork) -> dict[str, Any]:
        chaos = Chaos(network, self.scenario.seed, self.every_seconds)
        began = trio.current_time()
        outcomes: list[Outcome] = []
        arrived_at: list[float] = []

        async with trio.open_nursery() as nursery:

            def watch(progress: Progress) -> None:
                self.watch(progress)
                if progress.phase.startswith("waiting") and not arrived_at:
                    arrived_at.append(trio.current_time())
                    nursery.cancel_scope.cancel()

            async def work() -> None:
                with trio.CancelScope(shield=True):
                    outcomes.append(await Workload(self.scenario, network, watch).run())

            nursery.start_soon(work)
            await self.trouble(network, chaos)
        return self._judge(network, chaos, outcomes[0], arrived_at[0] - began)

    def _judge(
        self, network: ProcessNetwork, chaos: Chaos, outcome: Outcome, seconds: float
    ) -> dict[str, Any]:
        latency = summarize(outcome.latencies)
        return {
            "seed": self.scenario.seed,
            "messages": self.scenario.messages,
            **asdict(outcome.verdict),
            "kills": chaos.kills,
            "seconds": round(seconds, 1),
            "per_second": round(outcome.verdict.delivered / seconds, 1),
            "latency_ms": asdict(latency),
            "crashed": network.crashed,
            "faults": list(outcome.faults),
        }


async def relays_die(network: ProcessNetwork, chaos: Chaos) -> None:
    """Random relays are killed."""
    await chaos.kill_relays()


async def nodes_die(network: ProcessNetwork, chaos: Chaos) -> None:
    """Random people's nodes are killed."""
    await chaos.kill_users()


async def nothing_happens(network: ProcessNetwork, chaos: Chaos) -> None:
    """What the same network does when nobody breaks it."""


TROUBLES: dict[str, Trouble] = {"relays": relays_die, "nodes": nodes_die, "none": nothing_happens}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run")
    parser.add_argument("trouble", choices=TROUBLES)
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
    configure_logging(logging.ERROR)
    raise_file_limit()
    with run_folder(keep=options.keep) as folder, Launcher(program, preload) as launcher:
        trial = Trial(scenario, TROUBLES[options.trouble], options.every)
        report = trio.run(trial.run, folder, launcher)
    return say(report)


def say(report: dict[str, Any]) -> int:
    """Print what came of it; 1 if an accepted message was lost or shown twice."""
    faults = report["faults"]
    for fault in faults[:SHOWN_FAULTS]:
        print(f"seed {report['seed']}: {fault}")
    if len(faults) > SHOWN_FAULTS:
        print(f"and {len(faults) - SHOWN_FAULTS} more")
    print(json.dumps(report | {"faults": len(faults)}))
    return 1 if faults or report["crashed"] or report["confirmed_but_missing"] else 0


if __name__ == "__main__":
    sys.exit(main())

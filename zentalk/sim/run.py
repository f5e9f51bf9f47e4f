"""From a scenario to a report: start a network, let people write, compare, stop.

Never prints: it tells `watch` where it stands. Everything it starts is gone when it
returns or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import trio

from zentalk.sim.folders import run_folder
from zentalk.sim.inprocess import LocalNetwork, local_network
from zentalk.sim.launcher import Launcher
from zentalk.sim.network import SimNetwork
from zentalk.sim.processes import process_network
from zentalk.sim.report import Report, summarize
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress, Workload, WorkloadResult

Watch = Callable[[Progress], None]


async def run(
    scenario: Scenario, watch: Watch, *, launcher: Launcher | None = None, keep: bool = False
) -> Report:
    """Run a scenario to its end.

    `launcher` starts programs and is needed for `net` = processes; `keep` leaves the
    nodes' folders behind. Raises the ZentalkError of a node that cannot start.
    """
    began = trio.current_time()

    def told(relays: int, users: int) -> None:
        watch(Progress("starting", relays, users))

    told(0, 0)
    with run_folder(keep=keep) as folder:
        async with _network(scenario, folder, told, launcher) as network:
            started = trio.current_time()
            outcome = await Workload(scenario, network, watch).run()
            ended = trio.current_time()
            await network.finish()
            return await _report(
                scenario, network, outcome, startup=started - began, wall=ended - began
            )


def up(
    folder: Path, nodes: int, users: int, watch: Watch
) -> AbstractAsyncContextManager[LocalNetwork]:
    """Run a network with REST in this process, for as long as the block takes."""

    def told(relays: int, people: int) -> None:
        watch(Progress("starting", relays, people))

    return local_network(folder, nodes, users, told, rest=True)


def _network(
    scenario: Scenario,
    folder: Path,
    told: Callable[[int, int], None],
    launcher: Launcher | None,
) -> AbstractAsyncContextManager[SimNetwork]:
    if scenario.net == "processes":
        assert launcher is not None, "processes need a launcher"
        return process_network(folder, scenario.nodes, scenario.users, told, launcher)
    return local_network(folder, scenario.nodes, scenario.users, told)


async def _report(
    scenario: Scenario, network: SimNetwork, outcome: WorkloadResult, *, startup: float, wall: float
) -> Report:
    verdict = outcome.verdict
    return Report(
        nodes=scenario.nodes,
        users=scenario.users,
        net=scenario.net,
        seed=scenario.seed,
        messages=scenario.messages,
        killed=outcome.killed,
        sent=verdict.sent,
        delivered=verdict.delivered,
        duplicates=verdict.duplicates,
        lost=verdict.lost,
        out_of_order=verdict.out_of_order,
        altered=verdict.altered,
        confirmed=verdict.confirmed,
        confirmed_but_missing=verdict.confirmed_but_missing,
        latency_ms=summarize(outcome.latencies),
        latency_disturbed_ms=summarize(outcome.disturbed_latencies),
        wire_sizes=tuple(sorted(outcome.unit_sizes)),
        relays={relay.name: await relay.load() for relay in network.relays},
        relay_disk_envelopes_left=outcome.envelopes_left,
        crashed=tuple(network.crashed),
        startup_seconds=round(startup, 2),
        wall_seconds=round(wall, 2),
        peak_memory_mib=round(network.memory_mib(), 1),
    )

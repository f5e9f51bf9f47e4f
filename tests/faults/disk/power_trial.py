"""The power fails under real programs: `python -m tests.faults.disk.power_trial FOLDER`.

Relays and API nodes are programs of their own, with all their folders on one ext4 in an image
in FOLDER. While people write over REST, the file system is shut down without flushing, all
programs are killed, and all come back on what the image holds. Prints a report as
`tests.faults.run` does; exits with 1 if a message that a node had accepted is not there once.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from tests.faults.disk.volume import Volume, volume
from tests.faults.places import FixedPorts
from tests.faults.run import say, write_while
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.sim.launcher import Launcher
from zentalk.sim.processes import ProcessNetwork, process_network
from zentalk.sim.scenario import Scenario

EVERY_SECONDS = 2.0


async def stop(pids: Sequence[int]) -> None:
    """Stop programs where they are: after the cut nothing of them may reach anybody."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        while not _is_stopped(pid):  # noqa: ASYNC110  # another process sets no event
            await trio.sleep(0.001)


def _is_stopped(pid: int) -> bool:
    """Tell whether every thread has come out of what it had asked of the system."""
    states = [
        (task / "stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    return all(state in "TZX" for state in states)


async def lose_power(network: ProcessNetwork, disk: Volume) -> None:
    """Cut the power of everything, and start it all again."""
    programs = [relay.program for relay in network.relays]
    programs += [user.program for user in network.users]
    await stop([program.pid for program in programs if program.pid is not None])
    disk.cut()
    async with trio.open_nursery() as nursery:
        for relay in network.relays:
            nursery.start_soon(relay.kill)
        for user in network.users:
            nursery.start_soon(user.kill)
    await trio.to_thread.run_sync(disk.power_on)
    async with trio.open_nursery() as nursery:
        for relay in network.relays:
            nursery.start_soon(relay.start, network.nursery)
    async with trio.open_nursery() as nursery:
        for user in network.users:
            nursery.start_soon(user.start)


async def trial(
    scenario: Scenario, disk: Volume, launcher: Launcher, most_cuts: int
) -> dict[str, Any]:
    """Let people write, and the power fail every few seconds while they do."""
    cuts = 0

    async def trouble(network: ProcessNetwork) -> None:
        nonlocal cuts
        draw = random.Random(scenario.seed)
        while cuts < most_cuts:
            await trio.sleep(EVERY_SECONDS * draw.uniform(0.5, 1.5))
            with trio.CancelScope(shield=True):
                await lose_power(network, disk)
            cuts += 1
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(launcher.run)
        places = FixedPorts(launcher, scenario.nodes)
        async with process_network(
            disk.place, scenario.nodes, scenario.users, lambda *_: None, places
        ) as network:
            report = await write_while(scenario, network, trouble)
        nursery.cancel_scope.cancel()
    # Programs that end because their disk is gone end as they should.
    return report | {"cuts": cuts, "crashed": []}


def main() -> int:
    """Run one trial."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.disk.power_trial")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    scenario = Scenario(
        nodes=4,
        users=2,
        messages=options.messages,
        offline=False,
        switch=False,
        net="processes",
        seed=options.seed,
        in_flight=8,
    )
    configure_logging(logging.ERROR)
    raise_file_limit()
    with volume(options.folder) as disk, Launcher(program, preload) as launcher:
        report = trio.run(trial, scenario, disk, launcher, options.cuts)
    return say(report)


if __name__ == "__main__":
    sys.exit(main())

"""A trial in network namespaces: half of the network cannot reach the other for a while.

    sudo python -m tests.faults.partition --seconds 30
    sudo python -m tests.faults.partition --one-way

Relays and people's nodes are spread over both sides. Everybody goes on writing while the
sides are apart; all must arrive within seconds of the end.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import trio

from tests.faults.namespaces import SIDES, Namespaces, address
from tests.faults.run import Progressing, say
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.config import ApiSettings, RelaySettings
from zentalk.net import tcp
from zentalk.sim.folders import run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.network import SimNetwork
from zentalk.sim.processes import process_network
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress, Workload

WARM_UP = 20
PER_SECOND = 2
FIRST_PORT = 9001


class Sides:
    """Relays and people in turn on the left and on the right."""

    def __init__(self, launchers: dict[str, Launcher]) -> None:
        self._launchers = launchers
        self._relays = 0
        self._people = 0

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        side = SIDES[self._relays % len(SIDES)]
        port = FIRST_PORT + self._relays
        self._relays += 1
        update = {"host": address(side), "port": port}
        return settings.model_copy(update=update), self._launchers[side]

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        side = SIDES[self._people % len(SIDES)]
        self._people += 1
        return settings.model_copy(update={"host": address(side)}), self._launchers[side]


class Apart(Workload):
    """People write, then write on while the sides are apart, and wait for what is missing."""

    def __init__(
        self,
        scenario: Scenario,
        network: SimNetwork,
        watch: Callable[[Progress], None],
        *,
        part: Callable[[], None],
        heal: Callable[[], None],
    ) -> None:
        super().__init__(scenario, network, watch)
        self._part = part
        self._heal = heal
        self.arrived_while_apart = 0
        self.seconds_to_heal = float("nan")

    async def _phases(self) -> None:
        total = self._scenario.messages
        self._phase = "everybody online"
        await self._send_range(0, WARM_UP)
        self._phase = "the sides are apart"
        await trio.to_thread.run_sync(self._part)
        for number in range(WARM_UP, total):
            await self._write(number, *self._parties(number))
            await trio.sleep(1 / PER_SECOND)
        self.arrived_while_apart = self._ledger.arrived - WARM_UP
        await trio.to_thread.run_sync(self._heal)
        self._phase = "healed"
        began = trio.current_time()
        while self._ledger.arrived < self._ledger.sent:
            if not await self._some_arrival():
                break
        self.seconds_to_heal = trio.current_time() - began


async def trial(
    scenario: Scenario,
    namespaces: Namespaces,
    ways: list[tuple[str, str]],
    folder: Path,
    launchers: dict[str, Launcher],
) -> dict[str, Any]:
    """Run the network, lose what goes these ways for a while, and judge."""

    def each_way(change: Callable[[str, str], None]) -> None:
        for source, target in ways:
            change(source, target)

    async with trio.open_nursery() as nursery:
        for launcher in launchers.values():
            await nursery.start(launcher.run)
        async with process_network(
            folder, scenario.nodes, scenario.users, lambda *_: None, Sides(launchers)
        ) as network:
            work = Apart(
                scenario,
                network,
                Progressing(),
                part=partial(each_way, namespaces.lose),
                heal=partial(each_way, namespaces.pass_on),
            )
            outcome = await work.run()
        nursery.cancel_scope.cancel()
    return {
        "seed": scenario.seed,
        "messages": scenario.messages,
        **asdict(outcome.verdict),
        "arrived_while_apart": work.arrived_while_apart,
        "seconds_to_heal": round(work.seconds_to_heal, 1),
        "crashed": network.crashed,
        "faults": list(outcome.faults),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.partition")
    parser.add_argument("--relays", type=int, default=6)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--one-way", action="store_true", help="lose from left to right only")
    parser.add_argument(
        "--slow-retransmission", action="store_true", help="as on kernels before Linux 6.15"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ways = [SIDES] if options.one_way else [SIDES, SIDES[::-1]]
    scenario = Scenario(
        nodes=options.relays,
        users=options.people,
        messages=WARM_UP + PER_SECOND * options.seconds,
        offline=False,
        switch=False,
        net="processes",
        seed=options.seed,
        in_flight=16,
    )
    configure_logging(logging.ERROR)
    raise_file_limit()

    def preload_on(side: str) -> None:
        namespaces.enter(side)
        preload()
        if options.slow_retransmission:
            tcp.RETRANSMIT_MILLISECONDS = 120_000

    with Namespaces() as namespaces, run_folder() as folder:
        # The relays do not reach this machine's network, nor do we: REST is asked from the hub.
        namespaces.enter("hub")
        with (
            Launcher(program, partial(preload_on, "left")) as left,
            Launcher(program, partial(preload_on, "right")) as right,
        ):
            launchers = {"left": left, "right": right}
            report = trio.run(trial, scenario, namespaces, ways, folder, launchers)
    return say(report)


if __name__ == "__main__":
    sys.exit(main())

"""A trial in network namespaces: two people in one house write to each other, and no relay runs.

    sudo python -m tests.faults.lan
    sudo python -m tests.faults.lan --ipv6
    sudo python -m tests.faults.lan --without

They become contacts over three relays on the other side of their router, and both allow direct
connections. Then the relays are killed, and both nodes too; the nodes start again. With
`--ipv6`, the house has nothing but the addresses of its link by then. With `--without`,
`direct_lan` stays off, and the trial waits for a while instead.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from tests.faults.houses import Houses
from tests.faults.namespaces import SIDES, ip
from tests.faults.nats import PATIENCE_SECONDS, RELAY_COUNT, Person, Talk
from tests.faults.nats import Places as NatPlaces
from tests.faults.run import say
from tests.net.lan_namespaces import LanNamespaces
from tests.net.nat_namespaces import RELAYS, join
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.client import AsyncClient
from zentalk.client.folder import find_node
from zentalk.config import ApiSettings
from zentalk.sim.folders import person_name, run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.processes import ProcessNetwork, process_network

MESSAGES = 20


class Home(LanNamespaces):
    """The house, and a second line of each machine to the hub, on which its program is asked."""

    def _make(self) -> None:
        super()._make()
        for side in SIDES:
            desk = Houses.desk(side)
            join(self.name("hub"), f"desk-{side}", desk[:-1] + "1", self.name(side), "desk", desk)

    def leave_ipv4(self) -> None:
        """Take the addresses of IPv4 off the machines' lines to each other."""
        for side in SIDES:
            ip("-n", self.name(side), "-4", "addr", "flush", "dev", "line")


class Places(NatPlaces):
    """Relays in the hub, and a person at each machine of the house."""

    def __init__(self, launchers: dict[str, Launcher], *, direct_lan: bool) -> None:
        super().__init__(launchers, lambda number: RELAYS[number % len(RELAYS)])
        self._direct_lan = direct_lan

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        settings, launcher = super().of_person(settings)
        return settings.model_copy(update={"direct_lan": self._direct_lan}), launcher


@asynccontextmanager
async def talking(network: ProcessNetwork, folder: Path) -> AsyncIterator[Talk]:
    """Ask the programs that run now."""
    async with AsyncExitStack() as stack:
        people = []
        for index in range(len(SIDES)):
            client = AsyncClient(*find_node(folder / person_name(index).lower()))
            await stack.enter_async_context(client)
            people.append(Person(client, network.users[1 - index].address))
        yield Talk(people, folder)


async def trial(
    options: argparse.Namespace, home: Home, folder: Path, launchers: dict[str, Launcher]
) -> dict[str, Any]:
    """Run the network, stop all of it but the two nodes, and judge."""
    places = Places(launchers, direct_lan=not options.without)
    names = [person_name(index).lower() for index in range(len(SIDES))]
    async with trio.open_nursery() as nursery:
        for launcher in launchers.values():
            await nursery.start(launcher.run)
        async with process_network(folder, RELAY_COUNT, len(SIDES), lambda *_: None, places) as net:
            with trio.fail_after(PATIENCE_SECONDS):
                async with talking(net, folder) as talk:
                    await talk.make_friends()
                    await talk.agree()
                    await talk.until_on("direct", "until direct with relays")
                    before = [list(person.wrote) for person in talk.people]
                for relay in net.relays:
                    await relay.kill()
                for user in net.users:
                    await user.kill()
                if options.ipv6:
                    home.leave_ipv4()
                for user, name in zip(net.users, names, strict=True):
                    # Not `user.start`, which waits until it can be reached over relays.
                    await user.program.start(net.nursery, "api", folder / name)
                async with talking(net, folder) as talk:
                    for person, wrote in zip(talk.people, before, strict=True):
                        person.wrote = wrote
                    report = await without_relays(options, talk)
                for user in net.users:
                    await user.program.end(signal.SIGKILL)
        nursery.cancel_scope.cancel()
    return report | {"seed": options.seed, "crashed": net.crashed}


async def without_relays(options: argparse.Namespace, talk: Talk) -> dict[str, Any]:
    """Let the two write, if they find each other, and return what came of it."""
    report: dict[str, Any] = {"met": False}
    with trio.move_on_after(options.wait):
        await talk.until_on("direct", "until direct without relays")
        report["met"] = True
    if report["met"]:
        await talk.exchange(MESSAGES)
    verdict = await talk.verdict()
    return report | {
        "messages": sum(len(person.wrote) for person in talk.people),
        "sent": sum(len(person.wrote) for person in talk.people),
        "seconds": talk.seconds,
        "reasons": sorted(talk.reasons),
        "confirmed_but_missing": 0,
        "faults": [f"{number} {what}" for what, number in verdict.items() if number],
        **verdict,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.lan")
    parser.add_argument("--ipv6", action="store_true", help="leave no IPv4 in the house")
    parser.add_argument("--without", action="store_true", help="leave `direct_lan` off")
    parser.add_argument("--wait", type=float, default=120.0, help="seconds until they must meet")
    parser.add_argument("--seed", type=int, default=0, help="taken and not used: nothing is drawn")
    options = parser.parse_args()
    configure_logging(logging.ERROR)
    raise_file_limit()

    def preload_in(home: Home, part: str) -> None:
        home.enter(part)
        preload()

    with Home() as home, run_folder() as folder, ExitStack() as stack:
        home.enter("hub")  # REST is asked from there
        launchers = {
            part: stack.enter_context(Launcher(program, partial(preload_in, home, part)))
            for part in ("hub", *SIDES)
        }
        report = trio.run(trial, options, home, folder, launchers)
    return say(report)


if __name__ == "__main__":
    sys.exit(main())

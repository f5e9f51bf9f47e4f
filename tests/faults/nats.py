"""A trial in network namespaces: two people behind NATs write to each other, directly if they can.

    sudo python -m tests.faults.nats --left symmetric --trouble
    sudo python -m tests.faults.nats --messages 1000 --blocked-seconds 40
    sudo python -m tests.faults.nats --ipv6 --trouble block

Three relays are on the public side. Both people allow direct connections; then they write all the
time, while a firewall between them drops UDP twice, and both get another address. Everybody must
see all that the other wrote once and in its order, whichever way it came. With `--ipv6` there is
nothing else between them, and firewalls that let nothing new in instead of NATs.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import trio

from tests.direct.support import NatKind
from tests.faults.houses import Houses, Ipv6Houses
from tests.faults.namespaces import SIDES
from tests.faults.run import say
from zentalk.cli.logs import configure_logging
from zentalk.cli.programs import raise_file_limit
from zentalk.cli.sim import preload, program
from zentalk.client import AsyncClient
from zentalk.client.folder import find_node
from zentalk.config import ApiSettings, RelaySettings
from zentalk.sim.folders import person_name, relay_name, run_folder
from zentalk.sim.launcher import Launcher
from zentalk.sim.processes import process_network

RELAY_COUNT = 3
FIRST_PORT = 9001
FIRST_HTTP_PORT = 9101
POLL_SECONDS = 0.2
STEADY_LOOKS = 15
"""Relays count a copy two seconds after it came, if its owner is not there to take it."""
PATIENCE_SECONDS = 240.0
PAGE = 500
QUIET_MESSAGES = 20
CALM_MESSAGES = 10
BLOCK, MOVE, BLOCKS = "block", "move", 2


RelayHosts: TypeAlias = Callable[[int], str | tuple[str, ...]]
"""Where a relay listens, by its number."""


class Places:
    """Relays in the hub, which answer questions for addresses, and a person in each house."""

    def __init__(self, launchers: dict[str, Launcher], relay_at: RelayHosts) -> None:
        self._launchers = launchers
        self._relay_at = relay_at
        self._people = 0

    def of_relay(self, settings: RelaySettings) -> tuple[RelaySettings, Launcher]:
        number = [relay_name(one) for one in range(RELAY_COUNT)].index(settings.directory.name)
        place = {"host": self._relay_at(number), "port": FIRST_PORT + number, "udp": True}
        http = {"http": True, "http_port": FIRST_HTTP_PORT + number}
        return settings.model_copy(update=place | http), self._launchers["hub"]

    def of_person(self, settings: ApiSettings) -> tuple[ApiSettings, Launcher]:
        side = SIDES[self._people]
        self._people += 1
        return (
            settings.model_copy(update={"host": Houses.desk(side)}),
            self._launchers[side],
        )


class Person:
    """One of the two, who numbers what they write."""

    def __init__(self, client: AsyncClient, other: str) -> None:
        self.client = client
        self.other = other
        self.wrote: list[str] = []

    async def write(self) -> None:
        text = f"number {len(self.wrote)}"
        await self.client.send(self.other, text)
        self.wrote.append(text)

    async def read(self) -> list[str]:
        """Return all that the other wrote, as it is shown."""
        chat, shown, seq = self.client.chat(self.other), list[str](), 0
        while page := await chat.after(seq, PAGE):
            shown += [one.text for one in page if one.kind == "text" and one.direction == "in"]
            seq = page[-1].seq
        return shown

    async def paths(self) -> list[str]:
        """Return the ways on which the other was, one after the other."""
        seq, found = 0, list[str]()
        while page := await self.client.events(seq):
            found += [one.data["path"] for one in page if one.type == "contact.path"]
            seq = page[-1].seq
        return found


class Talk:
    """Both people, and what they say to each other."""

    def __init__(self, people: list[Person], folder: Path) -> None:
        self.people = people
        self._folder = folder
        self.seconds: dict[str, list[float]] = {}
        """The time that each thing took, by its name, each time it happened."""
        self.reasons: set[str] = set()
        """Why there was no direct path when one was waited for."""

    async def make_friends(self) -> None:
        for index, person in enumerate(self.people):
            await person.client.add_contact(person.other, person_name(1 - index))
        for person in self.people:
            await person.write()
        await self.until_all_is_there()

    async def agree(self) -> None:
        """Allow direct connections; the time begins with the second of the two."""
        for person in self.people:
            await person.client.allow_direct(person.other)

    async def until_on(self, path: str, what: str) -> None:
        began = trio.current_time()
        while any([await self._is_elsewhere(person, path) for person in self.people]):  # noqa: ASYNC110 - other programs
            await trio.sleep(POLL_SECONDS)
        self.seconds.setdefault(what, []).append(round(trio.current_time() - began, 1))

    async def _is_elsewhere(self, person: Person, path: str) -> bool:
        found = await person.client.direct(person.other)
        self.reasons |= {found.why_not} - {""}
        return found.path != path

    async def until_it_is_known_why_not(self) -> list[str]:
        whys: list[str] = []
        while not all(whys) or not whys:
            await trio.sleep(POLL_SECONDS)
            whys = [(await one.client.direct(one.other)).why_not for one in self.people]
        return whys

    async def until_more_is_written(self) -> None:
        """Wait until both have written for a while."""
        enough = [len(person.wrote) + CALM_MESSAGES for person in self.people]
        while any(len(one.wrote) < least for one, least in zip(self.people, enough, strict=True)):  # noqa: ASYNC110 - as above
            await trio.sleep(POLL_SECONDS)

    @asynccontextmanager
    async def writing(self, least: int, pause: float) -> AsyncIterator[None]:
        """Let both write during the block, and on until each wrote so much."""
        stop = trio.Event()

        async def go_on(person: Person) -> None:
            before = len(person.wrote)
            while not stop.is_set() or len(person.wrote) - before < least:
                await person.write()
                await trio.sleep(pause)

        async with trio.open_nursery() as nursery:
            for person in self.people:
                nursery.start_soon(go_on, person)
            yield
            stop.set()

    async def exchange(self, messages: int) -> None:
        """Let both write, and wait for it."""
        async with self.writing(messages, 0):
            pass
        await self.until_all_is_there()

    async def until_all_is_there(self) -> None:
        for reader, writer in zip(self.people, self.people[::-1], strict=True):
            while not set(writer.wrote) <= set(await reader.read()):  # noqa: ASYNC110 - as above
                await trio.sleep(POLL_SECONDS)

    async def verdict(self) -> dict[str, int]:
        """Return what is wrong with what the two see: all of it is 0 if nothing is."""
        found = dict.fromkeys(("lost", "duplicates", "out_of_order"), 0)
        for reader, writer in zip(self.people, self.people[::-1], strict=True):
            shown = await reader.read()
            once = list(dict.fromkeys(shown))
            found["lost"] += len(set(writer.wrote) - set(shown))
            found["duplicates"] += len(shown) - len(once)
            found["out_of_order"] += once != [text for text in writer.wrote if text in once]
        return found


class Troubled(Talk):
    """Both people, and what happens to the network between them."""

    def __init__(
        self, people: list[Person], houses: Houses, folder: Path, http: httpx.AsyncClient
    ) -> None:
        super().__init__(people, folder)
        self._houses = houses
        self._http = http

    async def deposited(self) -> int:
        """Return how many envelopes relays took, once that has been the same for a while."""
        seen = [await self._deposited()]
        while seen[-STEADY_LOOKS:] != [seen[-1]] * STEADY_LOOKS:
            await trio.sleep(POLL_SECONDS)
            seen.append(await self._deposited())
        return seen[-1]

    async def _deposited(self) -> int:
        found = 0
        for number in range(RELAY_COUNT):
            token = (self._folder / relay_name(number) / "token").read_text("utf-8").strip()
            url = f"http://127.0.0.1:{FIRST_HTTP_PORT + number}/relay/stats"
            answer = await self._http.get(url, headers={"Authorization": f"Bearer {token}"})
            counters = answer.json()["counters"]
            assert counters["sweeps"], "only its operator is told exact numbers"
            found += counters.get("deposited", 0)
        return found

    async def block_udp(self, seconds: float) -> None:
        """Let no UDP through between the two for a while, and wait until they meet again."""
        with self._houses.cut(SIDES[0], "meta l4proto udp"):
            began = trio.current_time()
            await self.until_on("relay", "until it was noticed that UDP is blocked")
            await trio.sleep_until(began + seconds)
        await self.until_on("direct", "until direct after UDP was blocked")

    async def move(self, put_up: Callable[[], None]) -> None:
        """Give one side's NAT and the other side's machine another address, and put up NATs."""
        self._houses.move_nat(SIDES[0])
        self._houses.move_host(SIDES[1])
        put_up()
        await self.until_on("relay", "until it was noticed that addresses are others")
        await self.until_on("direct", "until direct after addresses changed")


async def trial(
    options: argparse.Namespace, houses: Houses, folder: Path, launchers: dict[str, Launcher]
) -> dict[str, Any]:
    """Run the network, do what is asked for, and judge."""
    async with trio.open_nursery() as nursery:
        for launcher in launchers.values():
            await nursery.start(launcher.run)
        async with (
            process_network(
                folder, RELAY_COUNT, len(SIDES), lambda *_: None, Places(launchers, houses.relay)
            ) as network,
            httpx.AsyncClient(trust_env=False) as http,
            AsyncExitStack() as stack,
        ):
            people = []
            for index in range(len(SIDES)):
                client = AsyncClient(*find_node(folder / person_name(index).lower()))
                await stack.enter_async_context(client)
                people.append(Person(client, network.users[1 - index].address))
            talk = Troubled(people, houses, folder, http)
            with trio.fail_after(PATIENCE_SECONDS + options.messages * options.pause):
                await talk.make_friends()
                report = await act(options, talk, partial(put_up, houses, options))
        nursery.cancel_scope.cancel()
    return report | {"seed": options.seed, "crashed": network.crashed}


def put_up(houses: Houses, options: argparse.Namespace, at_first: str = "") -> None:
    """Let NATs be of the kinds that are asked for, or both of another one at first."""
    for side in SIDES:
        houses.use(side, NatKind(at_first or getattr(options, side)))


async def act(
    options: argparse.Namespace, talk: Troubled, put_up: Callable[[], None]
) -> dict[str, Any]:
    """Let the two agree, write, and have trouble; return what came of it."""
    await talk.agree()
    report: dict[str, Any] = {"quiet": len(SIDES) * QUIET_MESSAGES}
    if not options.at_first and NatKind.SYMMETRIC.value in (options.left, options.right):
        report["why_not"] = await talk.until_it_is_known_why_not()
    else:
        await talk.until_on("direct", "until direct after both agreed")
    before = await talk.deposited()
    await talk.exchange(QUIET_MESSAGES)
    report["deposited"] = await talk.deposited() - before
    for trouble in options.trouble:
        async with talk.writing(options.messages, options.pause):
            if trouble == BLOCK:
                for _ in range(BLOCKS):
                    await talk.until_more_is_written()
                    await talk.block_udp(options.blocked_seconds)
            else:
                await talk.until_more_is_written()
                await talk.move(put_up)
        await talk.until_all_is_there()
    verdict = await talk.verdict()
    written = [len(person.wrote) for person in talk.people]
    return report | {
        "messages": sum(written),
        "sent": sum(written),
        "written": written,
        "paths": [await person.paths() for person in talk.people],
        "seconds": talk.seconds,
        "reasons": sorted(talk.reasons),
        "confirmed_but_missing": 0,
        "faults": [f"{number} {what}" for what, number in verdict.items() if number],
        **verdict,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.nats")
    kinds = [kind.value for kind in NatKind if kind is not NatKind.NONE]
    for side in SIDES:
        parser.add_argument(f"--{side}", choices=kinds, default=NatKind.PORT_RESTRICTED.value)
    parser.add_argument("--at-first", choices=kinds, default="", help="both, until they move")
    parser.add_argument("--ipv6", action="store_true", help="firewalls, and IPv6 alone")
    parser.add_argument("--trouble", choices=[BLOCK, MOVE], nargs="*", default=[BLOCK, MOVE])
    parser.add_argument("--messages", type=int, default=50, help="by each in each trouble")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two messages")
    parser.add_argument("--blocked-seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0, help="taken and not used: nothing is drawn")
    options = parser.parse_args()
    configure_logging(logging.ERROR)
    raise_file_limit()

    def preload_in(houses: Houses, part: str) -> None:
        houses.enter(part)
        preload()

    made = Ipv6Houses() if options.ipv6 else Houses()
    with made as houses, run_folder() as folder, ExitStack() as stack:
        put_up(houses, options, options.at_first)
        houses.enter("hub")  # REST is asked from there
        launchers = {
            part: stack.enter_context(Launcher(program, partial(preload_in, houses, part)))
            for part in ("hub", *SIDES)
        }
        report = trio.run(trial, options, houses, folder, launchers)
    return say(report)


if __name__ == "__main__":
    sys.exit(main())

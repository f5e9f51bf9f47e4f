"""A network whose strangers try everything at once, and the people who live in it meanwhile.

Everybody is as shipped, in `main`, where addresses count, but for what `Size` says. People write
to each other all the time; one of them is away for a while, and somebody new comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import trio

from tests.e2e.world import World
from tests.strangers.crowd import Crowd
from tests.strangers.ground import Ground, ipv4_addresses, ipv6_addresses
from tests.strangers.handshakes import HandshakeRepeater, bring_news_again
from tests.strangers.made_up_relays import claim_private_addresses, listen
from tests.strangers.mailboxes import MailboxMaker, Means
from tests.strangers.public_mail import Flooder, Throwaways
from tests.strangers.replays import ReplayingRelay
from zentalk.errors import ATTEMPT_FAULTS

MAIN: dict[str, Any] = {"network": "main", "id_difficulty": 0}
MALLORY = "mallory"
PATIENCE_SECONDS = 10.0
"""Beyond twice the slowest message of the quiet network: one deposit that is sent again."""


@dataclass(frozen=True)
class Size:
    """How much of everything there is."""

    relays: int
    hostile: int
    people: int
    seconds: float
    """Of attack, in virtual time."""
    message_seconds: float
    """How often each pair writes a message."""
    memory_bytes: int
    addresses: int = 100
    tunnels: int = 6
    """That each address wants."""
    means: Means = field(default_factory=lambda: Means(0, 0, 64))
    round_seconds: float = 60.0
    """After so long each attacker does again what it does in rounds."""
    refill_seconds: float = 60.0
    """After so long the crowd opens again what was taken from it."""
    junk: int = 4
    """To each person in a round, and half as many requests."""
    news: int = 30
    """Made-up relays told to each relay in a round."""
    copies: int = 8
    """Of a handshake sent to each relay in a round."""
    waits_seconds: float = 120.0
    """Before somebody new comes, and for how long somebody is away."""
    look_seconds: float = 3600.0
    """It is looked so often what strangers hold, and what they have tried since."""


@dataclass
class Outcome:
    """What became of people."""

    usual_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    """Until each message to a contact was delivered."""
    newcomer_seconds: float | None = None
    """Until somebody new had both mailboxes and had written; None if he had to wait longer."""
    away_seconds: float | None = None
    """Until somebody who came back had read what waited; None if that took longer."""
    lost: list[str] = field(default_factory=list)
    """People who had to give a mailbox up, or collect one no more."""

    @property
    def in_time(self) -> float:
        """The share of contacts' messages that took no longer than usual."""
        usual = 2 * self.usual_seconds + PATIENCE_SECONDS
        return sum(took <= usual for took in self.seconds) / len(self.seconds)


@dataclass(frozen=True)
class Look:
    """What strangers hold at one moment, and what they have tried until then."""

    streams: int
    """Of all relays together, people's included."""
    tries: dict[str, int]
    """How often each attacker did what it does, and how often relays refused it."""


class Siege:
    """The people of one network, and its strangers."""

    def __init__(self, world: World, size: Size) -> None:
        self._world = world
        self.size = size
        self.names = [f"p{number}" for number in range(size.people)]
        self.outcome = Outcome()
        self.looks: list[Look] = []
        self.ground = Ground(
            world.memory,
            "main",
            world.runtime.for_part("strangers"),
            world.nursery,
            world.uris,
            spares_pings=True,
        )
        hosts = [*ipv4_addresses(size.addresses), *ipv6_addresses(4)]
        self.hosts = hosts
        self.crowd = Crowd(self.ground, hosts, size.tunnels, size.refill_seconds)
        self.maker = MailboxMaker(self.ground, hosts, size.means)
        self.repeater = HandshakeRepeater(self.ground, hosts, size.copies, size.round_seconds)
        self.hostile: list[ReplayingRelay] = []
        self.private: list[list[str]] = []
        """Who connected to machines that are no relays."""

    async def settle(self) -> None:
        """Start relays and people, let pairs meet, and see how long a message takes."""
        world, size = self._world, self.size
        await world.relay_net(size.relays, memory_bytes=size.memory_bytes, **MAIN)
        for number in range(size.relays - size.hostile + 1, size.relays + 1):
            self.hostile.append(ReplayingRelay(world.relays[f"r{number}"], number))
        for name in (*self.names, MALLORY):
            await world.person(name, **MAIN)
        mallory = world.nodes[MALLORY]
        self.flooder = Flooder(mallory)
        self.people = Throwaways(self.flooder, mallory, world.folder)
        for pair in self.pairs():
            await world.friends(*pair)
            for sender, reader in (pair, pair[::-1]):
                await self._written(sender, reader, "hello")
        for pair in self.pairs():
            await self._written(*pair, "all is quiet")
        self.outcome.usual_seconds = max(self.outcome.seconds)
        self.outcome.seconds.clear()

    def pairs(self) -> list[tuple[str, str]]:
        return list(zip(self.names[::2], self.names[1::2], strict=True))

    @asynccontextmanager
    async def attacked(self) -> AsyncIterator[None]:
        """Let everybody attack who does, until the end of the block."""
        size = self.size
        async with trio.open_nursery() as nursery:

            def attack(program: Callable[..., Awaitable[None]], *arguments: object) -> None:
                nursery.start_soon(program, *arguments)

            attack(self.crowd.run)
            attack(self.maker.run)
            attack(self._flood)
            attack(self.repeater.run)
            attack(bring_news_again, self.ground, self.hosts, size.news, size.round_seconds)
            attack(claim_private_addresses, self.ground, self.hosts)
            for relay in self.hostile:
                attack(relay.run, size.round_seconds / 6)
            yield
            nursery.cancel_scope.cancel()

    async def _flood(self) -> None:
        size = self.size
        victims = [self._world.nodes[name].address for name in self.names]
        while True:
            for victim in victims:
                with suppress(*ATTEMPT_FAULTS):
                    await self.flooder.junk(await self.people.targets(victim), size.junk)
                    await self.people.ask(victim, size.junk // 2)
            await trio.sleep(size.round_seconds)

    async def live(self) -> None:
        """Go through the attack; `outcome` says how that was."""
        self.private = [await listen(self.ground, host, 9001) for host in ("127.0.0.1", "10.0.0.1")]
        before = {name: set(self._world.mailbox_relays(name)) for name in self.names}
        async with self.attacked(), trio.open_nursery() as nursery:
            nursery.start_soon(self._somebody_new)
            nursery.start_soon(self._somebody_is_away)
            nursery.start_soon(self._look_at_times)
            await self._talk()
        for name, relays in before.items():
            rows = self._world.nodes[name].mailboxes.listing()
            if set(self._world.mailbox_relays(name)) != relays or not all(
                row.collected for row in rows if row.current
            ):
                self.outcome.lost.append(name)

    async def _look_at_times(self) -> None:
        for _ in range(int(self.size.seconds // self.size.look_seconds)):
            await trio.sleep(self.size.look_seconds)
            self.looks.append(self._look())

    def _look(self) -> Look:
        stats = [relay.stats() for relay in self._world.relays.values()]
        tries = {
            "mailboxes": self.maker.made,
            "junk": self.flooder.sent,
            "requests": self.people.asked,
            "replays": sum(relay.replayed for relay in self.hostile),
            "streams refused": sum(one.refused.get("busy", 0) for one in stats),
            "handshakes refused": sum(one.refused.get("handshake", 0) for one in stats),
        }
        for name, sent in self.repeater.sent.items():
            tries[f"handshakes sent again to {name}"] = sent
        return Look(sum(one.streams for one in stats), tries)

    async def _talk(self) -> None:
        """Let pairs write in turn; the last one is away for a while, and not written to here."""
        until = trio.current_time() + self.size.seconds
        pairs = self.pairs()[:-1]
        async with trio.open_nursery() as nursery:
            for number, pair in enumerate(cycle(pairs)):
                if trio.current_time() >= until:
                    break
                nursery.start_soon(self._written, *pair, f"{number}")
                await trio.sleep(self.size.message_seconds / len(pairs))

    async def _written(self, sender: str, reader: str, text: str) -> None:
        began = trio.current_time()
        message = await self._world.send(sender, reader, text)
        await self._world.until_state(sender, message, "delivered")
        self.outcome.seconds.append(trio.current_time() - began)

    async def _somebody_new(self) -> None:
        await trio.sleep(self.size.waits_seconds)
        began = trio.current_time()
        node = await self._world.person("new", ready=False, **MAIN)
        with trio.move_on_after(self.size.seconds - self.size.waits_seconds):
            await node.ready()
            message = await self._world.send("new", self.names[0], "it is me")
            await self._world.until_state("new", message, "sent")
            self.outcome.newcomer_seconds = trio.current_time() - began

    async def _somebody_is_away(self) -> None:
        world = self._world
        contact, name = self.pairs()[-1]
        await world.crash(name)
        await trio.sleep(self.size.waits_seconds)
        message = await world.send(contact, name, "are you back?")
        await world.person(name, ready=False, **MAIN)
        began = trio.current_time()
        seconds = self.size.seconds - self.size.waits_seconds
        with suppress(trio.TooSlowError):
            await world.until_state(contact, message, "delivered", seconds)
            self.outcome.away_seconds = trio.current_time() - began

"""Real relays and API nodes in virtual time, with an attacker who watches every line.

For measuring what a profile costs and hides: bytes, latencies, and the times of units. Call
it under a clock that jumps (`trio.testing.MockClock`), or it takes as long as it says.
Latencies are those of the protocol and of the cables; work on a processor takes no time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio
import trio.testing

from zentalk.config import ApiSettings, RelaySettings
from zentalk.ids import UserAddress
from zentalk.net.backoff import exponential
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.relay.relay import Relay
from zentalk.sim.watcher import Line
from zentalk.store.key_file import create_identity
from zentalk.wire.text import RelayUri, parse_relay_uri

START_WALL: Final = 1_800_000_000.0
CABLE_SECONDS: Final = 0.025
"""Each way on every cable: about that of a continent."""
HOST: Final = ContextVar[str]("host", default="")
"""The relay or node that a task belongs to: whoever measures asks its context."""
_READY_SECONDS: Final = 300.0
_SETTLE_SECONDS: Final = 120.0
"""Until first messages are there also where everything waits for its tick."""


@dataclass
class Person:
    """Somebody with a node, the latencies of mail that came, and what passed the line."""

    name: str
    node: Node
    line: Line = field(default_factory=Line)
    bytes_out: int = 0
    bytes_in: int = 0
    arrived_after: list[float] = field(default_factory=list)


class WatchedNetwork:
    """Relays, and people in pairs: the first two, the next two, and so on."""

    def __init__(self, folder: Path, nursery: trio.Nursery, seed: int) -> None:
        self.people: list[Person] = []
        self.relays: list[Relay] = []
        self.bytes_sent: Counter[str] = Counter()
        """The bytes that each host has sent on all its lines."""
        self.began = 0.0
        self._folder = folder
        self._nursery = nursery
        self._runtime = Runtime.virtual(seed, START_WALL)
        self._memory = MemoryNetwork(CABLE_SECONDS)
        self._uris: list[RelayUri] = []
        self._sent: dict[str, float] = {}
        self._lines: dict[str, Person] = {}
        self._scopes: dict[str, trio.CancelScope] = {}

    async def start(self, relays: int, people: int, profile: str) -> None:
        """Start everything and let partners write to each other once."""
        for number in range(relays):
            await self._start_relay(f"r{number}")
        for number in range(people):
            name = f"p{number}"
            create_identity(self._directory(name), self._runtime.for_part(name).entropy)
            self.people.append(Person(name, await self._start_node(name, profile)))
        with trio.fail_after(_READY_SECONDS):
            for person in self.people:
                await person.node.ready()
        for person in self.people:
            other = self.partner(person)
            await person.node.add_contact(other.node.address, other.name)
            self._nursery.start_soon(self._note_arrivals, person)
        for person in self.people:
            await self.write(person)
        await trio.sleep(_SETTLE_SECONDS)
        self.look_anew()
        self._lines = {person.name: person for person in self.people}
        self._memory.on_wire = self._look

    def partner(self, person: Person) -> Person:
        """Return the one that a person writes to."""
        return self.people[self.people.index(person) ^ 1]

    def look_anew(self) -> None:
        """Forget what was seen and measured."""
        self.began = trio.current_time()
        self.bytes_sent.clear()
        for person in self.people:
            person.line = Line()
            person.bytes_out = person.bytes_in = 0
            person.arrived_after.clear()

    async def change_profile(self, person: Person, profile: str) -> None:
        """Start somebody's node again with another profile."""
        self._scopes.pop(person.name).cancel()
        await trio.testing.wait_all_tasks_blocked()
        person.node = await self._start_node(person.name, profile)
        with trio.fail_after(_READY_SECONDS):
            await person.node.ready()

    async def write(self, person: Person) -> None:
        """Let a person write to the partner."""
        await self.say(person, self.partner(person).node.address)

    async def say(self, person: Person, conversation: UserAddress) -> None:
        """Let a person write to somebody, or to a group."""
        text = f"message {len(self._sent)}"
        self._sent[text] = trio.current_time()
        await person.node.send_text(conversation, text)

    async def talk(self, seconds: float, mean_gap_seconds: float) -> None:
        """Let everybody write now and then, at times drawn for each."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for person in self.people:
                    nursery.start_soon(self._keep_writing, person, mean_gap_seconds)

    async def _keep_writing(self, person: Person, mean_gap_seconds: float) -> None:
        entropy = self._runtime.for_part(f"{person.name} writes").entropy
        while True:
            await trio.sleep(exponential(mean_gap_seconds, entropy))
            await self.write(person)

    async def _note_arrivals(self, person: Person) -> None:
        seen = 0
        while True:
            await person.node.wait_events(seen)
            for event in await person.node.events(seen):
                seen = event.seq
                sent = self._sent.get(str(event.data.get("text")))
                if event.type == "message.received" and sent is not None:
                    person.arrived_after.append(trio.current_time() - sent)

    def _look(self, source: str, target: str, data: bytes) -> None:
        now = trio.current_time() - self.began
        self.bytes_sent[source] += len(data)
        if (writer := self._lines.get(source)) is not None:
            writer.bytes_out += len(data)
            writer.line.out.append(now)
        elif (reader := self._lines.get(target)) is not None:
            reader.bytes_in += len(data)
            reader.line.into.append(now)

    def _directory(self, name: str) -> Path:
        directory = self._folder / name
        directory.mkdir(mode=0o700)
        return directory

    async def _start_relay(self, name: str) -> None:
        settings = RelaySettings(
            directory=self._directory(name), host=name, bootstraps=tuple(self._uris[:3])
        )
        relay = Relay(settings, self._runtime.for_part(name), self._memory.host(name))
        self.relays.append(relay)
        uri = await self._run(name, relay.run)
        self._uris.append(parse_relay_uri(uri))

    async def _start_node(self, name: str, profile: str) -> Node:
        settings = ApiSettings(
            directory=self._folder / name,
            port=0,
            bootstraps=tuple(self._uris[:2]),
            profile=profile,  # type: ignore[arg-type]  # checked by the settings themselves
        )
        life = f"{name} {profile}"
        node = Node(settings, self._runtime.for_part(life), self._memory.host(name))
        await self._run(name, node.run)
        return node

    async def _run(self, name: str, run: Callable[..., Awaitable[object]]) -> str:
        """Start the tasks of a host, which are known by its name."""
        scope = self._scopes[name] = trio.CancelScope()

        async def life(task_status: trio.TaskStatus[str]) -> None:
            with scope:
                await run(task_status=task_status)

        token = HOST.set(name)
        try:
            return await self._nursery.start(life)  # type: ignore[no-any-return]  # what `run` says
        finally:
            HOST.reset(token)


@asynccontextmanager
async def watched_network(
    folder: Path,
    *,
    profile: str,
    people: int,
    relays: int = 6,
    seed: int = 1,
) -> AsyncIterator[WatchedNetwork]:
    """A running network of an even number of people; cancelled at the end of the block."""
    async with trio.open_nursery() as nursery:
        network = WatchedNetwork(folder, nursery, seed)
        await network.start(relays, people, profile)
        yield network
        nursery.cancel_scope.cancel()


def lines_of(people: Sequence[Person]) -> dict[str, Line]:
    """Return what was seen of everybody's line."""
    return {person.name: person.line for person in people}

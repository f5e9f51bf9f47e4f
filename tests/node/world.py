"""Real relays and node networks over the in-memory network, under a virtual clock."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio
import trio.testing

from tests.node.descriptors import WALL
from zentalk.config import ApiSettings, RelaySettings
from zentalk.ids import NodeId
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.network import NodeNetwork
from zentalk.relay.relay import Relay
from zentalk.wire.text import RelayUri, parse_relay_uri

NETWORK_ID = "test"


class World:
    """Relays `r0`, `r1`, ... on hosts of those names; each knows r0 and r1 as bootstraps."""

    def __init__(self, folder: Path, nursery: trio.Nursery, seed: int = 1) -> None:
        self.net = MemoryNetwork()
        self.slept_seconds = 0.0
        self.runtime = replace(
            Runtime.virtual(seed, WALL),
            wall=lambda: WALL + self.slept_seconds + trio.current_time(),
        )
        self.relays: list[Relay] = []
        self._folder = folder
        self._nursery = nursery
        self._scopes: dict[int, trio.CancelScope] = {}
        self._ended: dict[int, trio.Event] = {}

    async def start_relays(self, count: int) -> None:
        for number in range(count):
            await self.start_relay(number)

    async def start_relay(self, number: int) -> None:
        """Start relay `number`, for the first time or again in its old folder."""
        name = f"r{number}"
        settings = RelaySettings(
            directory=self._folder / name,
            host=name,
            network=NETWORK_ID,
            bootstraps=tuple(self.uri(other) for other in range(min(2, number))),
            mailbox_profile="memory",
        )
        if number in self._ended:
            await self._ended[number].wait()
        self.net.revive(name)
        relay = Relay(settings, self.runtime.for_part(name), self.net.host(name))
        if number < len(self.relays):
            self.relays[number] = relay
        else:
            self.relays.append(relay)
        await self._nursery.start(self._run_relay, number, relay)

    async def _run_relay(
        self, number: int, relay: Relay, *, task_status: trio.TaskStatus[str]
    ) -> None:
        ended = self._ended[number] = trio.Event()
        try:
            with trio.CancelScope() as scope:
                self._scopes[number] = scope
                await relay.run(task_status=task_status)
        finally:
            ended.set()

    def kill(self, number: int) -> None:
        """Cut power: connections break, nothing is drained."""
        self.net.kill(f"r{number}")
        self._scopes[number].cancel()

    async def sleep_all(self, seconds: float, *, waking: Sequence[int] | None = None) -> None:
        """Stop every relay, let wall time pass, start those of `waking` again (all)."""
        numbers = list(self._scopes)
        for number in numbers:
            self.kill(number)
        self.slept_seconds += seconds
        awake = numbers if waking is None else waking
        for number in awake:
            await self.start_relay(number)
        await until(lambda: self.know_each_other(awake))

    def know_each_other(self, numbers: Sequence[int]) -> bool:
        return all(self.relays[n].stats().relays_known >= len(numbers) for n in numbers)

    def uri(self, number: int) -> RelayUri:
        return parse_relay_uri(self.relays[number].uri)

    def id(self, number: int) -> NodeId:
        return self.relays[number].node_id

    def number(self, node_id: NodeId) -> int:
        return [relay.node_id for relay in self.relays].index(node_id)

    def numbers(self, node_ids: Sequence[NodeId]) -> tuple[int, ...]:
        return tuple(self.number(node_id) for node_id in node_ids)


class Client:
    """One node network with its stored state."""

    def __init__(
        self,
        world: World,
        bootstraps: Sequence[int] = (0, 1),
        guards: Sequence[RelayUri] = (),
        name: str = "alice",
    ) -> None:
        self.saved: list[bytes] = []
        self.world = world
        self.name = name
        self._settings = ApiSettings(
            directory=Path("nowhere"),
            network=NETWORK_ID,
            bootstraps=tuple(world.uri(number) for number in bootstraps),
            guards=tuple(guards),
        )
        self._lives = 0
        self.network = self._new()

    def _new(self) -> NodeNetwork:
        self._lives += 1
        return NodeNetwork(
            self._settings,
            self.world.runtime.for_part(f"{self.name} {self._lives}"),
            self.world.net.host(self.name),
            lambda: self.saved[-1] if self.saved else None,
            self._save,
        )

    async def _save(self, state: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.saved.append(state)

    @asynccontextmanager
    async def running(self, *, wait: bool = True) -> AsyncIterator[NodeNetwork]:
        """Run this life of the node."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.network.run)
            if wait:
                with trio.fail_after(120):
                    await self.network.connected()
            yield self.network
            nursery.cancel_scope.cancel()

    def restart(self) -> None:
        """Make a new life from the stored state; the old one must have ended."""
        self.network = self._new()


async def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait in virtual time until something holds."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - virtual time costs nothing
            await trio.sleep(0.05)


@asynccontextmanager
async def world_of(
    folder: Path, relays: int, seed: int = 1, into_epoch_seconds: float = 60
) -> AsyncIterator[World]:
    """A world with that many relays, all ready and known to each other."""
    async with trio.open_nursery() as nursery:
        world = World(folder, nursery, seed)
        world.slept_seconds = into_epoch_seconds - 60
        await world.start_relays(relays)
        await until(lambda: world.know_each_other(range(relays)))
        yield world
        nursery.cancel_scope.cancel()

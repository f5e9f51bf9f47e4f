"""All relays and people in this process, over real loopback TCP.

A kill cancels a node at once, wherever it is: nothing is drained and nothing is said to
its neighbours, but the sockets close, as they do when a process dies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import trio

from zentalk.api.server import serve
from zentalk.config import ApiSettings, RelaySettings
from zentalk.errors import DeadlineError, UnavailableError
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork
from zentalk.node.node import Node
from zentalk.relay.relay import Relay
from zentalk.sim.background import Background
from zentalk.sim.folders import (
    count_in_folder,
    make_person,
    pinned,
    relay_name,
    relay_settings,
    save_settings,
)
from zentalk.sim.ledger import Shown
from zentalk.sim.memory import peak_mib
from zentalk.sim.network import Received
from zentalk.sim.report import RelayLoad
from zentalk.sim.startup import Told, start_all
from zentalk.store.history.models import RequestKey
from zentalk.wire.text import parse_address

READY_SECONDS: Final = 90.0
WAIT_SECONDS: Final = 2.0
_PAGE: Final = 1000

T = TypeVar("T")


class LocalRelay:
    """One relay of this process."""

    def __init__(self, name: str, settings: RelaySettings, crashed: Callable[[str], None]) -> None:
        self.name = name
        self._folder = settings.directory
        self._relay = Relay(settings, Runtime.real(), TcpNetwork())
        self._running: Background = Background(name, crashed)

    @property
    def uri(self) -> str:
        """The URI under which it is reached."""
        return self._relay.uri

    async def start(self, nursery: trio.Nursery) -> None:
        """Run it; return once the network knows it."""
        await self._running.start(nursery, self._relay.run)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._running.kill()

    async def load(self) -> RelayLoad:
        """Return its counters, also after its death."""
        stats = self._relay.stats()
        return RelayLoad(stats.forwarded, stats.deposited, not self._running.ended)

    async def envelopes_on_disk(self) -> int:
        """Count the envelopes in its database."""
        return await trio.to_thread.run_sync(count_in_folder, self._folder)


class LocalUser:
    """One person of this process; with `rest`, REST is served as well."""

    def __init__(
        self,
        settings: ApiSettings,
        token: str,
        nursery: trio.Nursery,
        crashed: Callable[[str], None],
        *,
        rest: bool,
    ) -> None:
        self.name = settings.name
        self.folder = settings.directory
        self.address = ""
        self.url = ""
        self._settings = settings
        self._token = token
        self._nursery = nursery
        self._crashed = crashed
        self._rest = rest
        self._node: Node | None = None
        self._running: Background | None = None
        self._unit_sizes: set[int] = set()

    async def start(self) -> None:
        """Start the node; return once it can send and receive, or raise DeadlineError."""
        node = Node(self._settings, Runtime.real(), TcpNetwork())
        running: Background = Background(self.name, self._crashed)
        self.address = node.address_text
        self._node, self._running = node, running
        self.url = await running.start(
            self._nursery, _Program(node, self._settings, self._token, rest=self._rest).run
        )
        with trio.move_on_after(READY_SECONDS):
            await running.call(node.ready)
            return
        raise DeadlineError(f"the node of {self.name} was not ready after {READY_SECONDS:g} s")

    async def stop(self) -> None:
        """Cancel the node; its folder stays."""
        if self._running is not None and self._node is not None:
            self._unit_sizes |= self._node.client_unit_sizes()
            await self._running.kill()
        self._node = None

    async def add_contact(self, address: str, name: str) -> None:
        """Add a contact."""
        await self._call(lambda node: node.add_contact(parse_address(address), name))

    async def send(self, address: str, text: str, key: str) -> str:
        """Send a text and return the message's id."""
        made = RequestKey(key)
        message = await self._call(lambda node: node.send_text(parse_address(address), text, made))
        return message.id

    async def received(self, after: int) -> tuple[int, list[Received]]:
        """Wait for events after a number, at most two seconds."""
        with trio.move_on_after(WAIT_SECONDS):
            await self._call(lambda node: node.wait_events(after))
        events = await self._call(lambda node: node.events(after, _PAGE))
        return (events[-1].seq if events else after), [
            Received(event.data["id"], event.data["conversation"], event.data["text"])
            for event in events
            if event.type == "message.received"
        ]

    async def history(self, address: str) -> list[Shown]:
        """Return the whole conversation with somebody, newest last."""
        shown: list[Shown] = []
        before: int | None = None
        while True:
            page = await self._call(
                lambda node, before=before: node.messages(parse_address(address), before, _PAGE)  # type: ignore[misc]  # default binds the loop variable
            )
            if not page:
                return shown
            shown[:0] = [
                Shown(m.id, m.direction, m.text, m.state) for m in page if m.kind == "text"
            ]
            before = page[0].seq

    async def entries(self) -> Sequence[str]:
        """Return the URIs of the entry relays in use."""
        return () if self._node is None else self._node.status().entries

    async def use_entries(self, uris: Sequence[str]) -> None:
        """Pin the entry relays: takes effect with the next start."""
        self._settings = pinned(self._settings, uris)

    async def unit_sizes(self) -> set[int]:
        """Return every size of unit so far, over all starts."""
        if self._node is not None:
            self._unit_sizes |= self._node.client_unit_sizes()
        return set(self._unit_sizes)

    async def _call(self, job: Callable[[Node], Awaitable[T]]) -> T:
        node, running = self._node, self._running
        if node is None or running is None:
            raise UnavailableError(f"the node of {self.name} does not run")
        return await running.call(lambda: job(node))


class _Program:
    """A node, and REST beside it if wanted: what runs in the background."""

    def __init__(self, node: Node, settings: ApiSettings, token: str, *, rest: bool) -> None:
        self._node = node
        self._settings = settings
        self._token = token
        self._rest = rest

    async def run(self, *, task_status: trio.TaskStatus[str]) -> None:
        """Run until cancelled; reports the URL of REST, or nothing."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._node.run)
            url = ""
            if self._rest:
                url = await nursery.start(
                    serve, self._node, self._settings, self._token, trio.Event()
                )
            task_status.started(url)


class LocalNetwork:
    """Relays and people of this process."""

    def __init__(self) -> None:
        self.relays: list[LocalRelay] = []
        self.users: list[LocalUser] = []
        self.crashed: list[str] = []

    async def finish(self) -> None:
        """Nothing to wait for: the counters are in memory."""

    def memory_mib(self) -> float:
        """Return the most memory that this process has used."""
        return peak_mib()


@asynccontextmanager
async def local_network(
    parent: Path, nodes: int, users: int, told: Told, *, rest: bool = False
) -> AsyncIterator[LocalNetwork]:
    """Run a network in this process inside the block; all of it is cancelled at its end.

    Raises the ZentalkError of a node that cannot start.
    """
    network = LocalNetwork()
    entropy = Runtime.real().entropy
    async with trio.open_nursery() as nursery:

        async def start_relay(index: int, bootstraps: Sequence[str]) -> LocalRelay:
            settings = relay_settings(parent, index, bootstraps)
            if rest:
                save_settings(settings)
            relay = LocalRelay(relay_name(index), settings, network.crashed.append)
            await relay.start(nursery)
            return relay

        async def start_user(index: int, bootstraps: Sequence[str]) -> LocalUser:
            settings, token = make_person(parent, index, bootstraps, entropy)
            if rest:
                save_settings(settings)
            user = LocalUser(settings, token, nursery, network.crashed.append, rest=rest)
            await user.start()
            return user

        network.relays, network.users = await start_all(nodes, users, start_relay, start_user, told)
        yield network
        nursery.cancel_scope.cancel()

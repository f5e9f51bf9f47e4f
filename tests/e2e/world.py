"""A whole network in one process: real relays and nodes, virtual time, no sockets."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
import trio.testing

from zentalk.config import ApiSettings, RelaySettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.direct.parts import WaysFactory
from zentalk.node.node import Node
from zentalk.node.replica.invitation import is_replica, set_up_replica
from zentalk.node.replica.roles import open_node
from zentalk.relay.relay import Relay
from zentalk.store.history.models import StoredMessage
from zentalk.store.key_file import create_identity
from zentalk.wire.invite import parse_link_code
from zentalk.wire.text import RelayUri, parse_relay_uri

START_WALL = 1_800_000_000.0
PATIENCE_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 0.8


class World:
    """Relays r1, r2, ... and people by name; `memory` can cut and kill."""

    def __init__(self, folder: Path, nursery: trio.Nursery, seed: int = 0) -> None:
        self.folder = folder
        self.memory = MemoryNetwork(latency_seconds=0.01)
        self.runtime = Runtime.virtual(seed, START_WALL)
        self.relays: dict[str, Relay] = {}
        self.nodes: dict[str, Node] = {}
        self.uris: dict[str, RelayUri] = {}
        self.nursery = nursery
        self.make_ways: WaysFactory | None = None
        """For direct connections of people who are started from now on."""
        self._scopes: dict[str, trio.CancelScope] = {}
        self._lives: dict[str, int] = {}

    async def relay(self, name: str, **settings: object) -> Relay:
        """Start a relay, or start it again on its folder."""
        directory = self._directory(name)
        bootstraps = tuple(uri for other, uri in self.uris.items() if other != name)[:3]
        values = {"host": name, "port": 9001, "bootstraps": bootstraps} | settings
        relay = Relay(
            RelaySettings(directory=directory, **values),  # type: ignore[arg-type]
            self._runtime(name),
            self.memory.host(name),
        )
        uri = await self.nursery.start(self._run, name, relay.run)
        self.relays[name] = relay
        self.uris[name] = parse_relay_uri(uri)
        return relay

    async def relay_net(self, count: int, **settings: object) -> None:
        """Start relays r1 to rN."""
        for number in range(1, count + 1):
            await self.relay(f"r{number}", **settings)

    async def person(self, name: str, *, ready: bool = True, **settings: object) -> Node:
        """Start somebody's API node, or start it again on its folder."""
        directory = self._directory(name)
        if not is_replica(directory) and not (directory / "identity.key").exists():
            create_identity(directory, self._runtime(name).entropy)
        bootstraps = tuple(self.uris[relay] for relay in sorted(self.uris))[:2]
        values = {"bootstraps": bootstraps} | settings
        node = open_node(
            ApiSettings(directory=directory, port=0, **values),  # type: ignore[arg-type]
            self._runtime(name),
            self.memory.host(name),
            self.make_ways,
        )
        await self.nursery.start(self._run, name, node.run)
        self.nodes[name] = node
        if ready:
            with trio.fail_after(PATIENCE_SECONDS):
                await node.ready()
        return node

    async def replica(self, name: str, code: str) -> Node:
        """Start a replica of the node that a code is of."""
        set_up_replica(self._directory(name), parse_link_code(code), self._runtime(name).entropy)
        return await self.person(name)

    async def friends(self, *names: str) -> None:
        """Let people add each other."""
        for name in names:
            for other in names:
                if other != name:
                    await self.nodes[name].add_contact(self.nodes[other].address, other)

    async def crash(self, name: str) -> None:
        """End a relay or node at once: no drain, no good-bye, connections reset."""
        self.memory.kill(name)
        self._scopes[name].cancel()
        await trio.testing.wait_all_tasks_blocked()
        self.memory.revive(name)

    async def send(self, sender: str, reader: str, text: str) -> StoredMessage:
        """Send a text."""
        return await self.nodes[sender].send_text(self.nodes[reader].address, text)

    async def inbox(self, reader: str, sender: str) -> list[str]:
        """Return the texts that somebody has received from another."""
        page = await self.nodes[reader].messages(self.nodes[sender].address, None, 1000)
        return [line.text for line in page if line.direction == "in" and line.kind == "text"]

    async def until(
        self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait in virtual time for an async or plain condition; looks ever more seldom."""
        pause = 0.05
        with trio.fail_after(seconds):
            while True:
                result = condition()
                if hasattr(result, "__await__"):
                    result = await result
                if result:
                    return
                await trio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def until_inbox(self, reader: str, sender: str, texts: list[str]) -> None:
        """Wait until exactly these texts have arrived, in order; fails if others did."""

        async def arrived() -> bool:
            received = await self.inbox(reader, sender)
            assert received == texts[: len(received)], received
            return len(received) == len(texts)

        await self.until(arrived)

    async def until_state(
        self, sender: str, message: StoredMessage, state: str, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait for a state of a message at its sender."""

        async def reached() -> bool:
            return (await self.nodes[sender].message(message.id)).state == state

        await self.until(reached, seconds)

    def rows(self, relay: str, query: str) -> list[tuple[object, ...]]:
        """Ask a relay's queue database, from outside."""
        [path] = self._directory(relay).glob("queue*.db")
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def envelopes(self, relay: str) -> int:
        """Count the envelopes in a relay's database."""
        [[count]] = self.rows(relay, "SELECT count(*) FROM envelope")
        return int(count)  # type: ignore[call-overload, no-any-return]

    def holders(self) -> list[str]:
        """Return the relays whose database holds envelopes."""
        return [name for name in self.relays if self.envelopes(name)]

    def mailbox_relays(self, name: str) -> list[str]:
        """Return the relays where somebody has a mailbox."""
        path = self._directory(name) / "history.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT relay FROM own_mailboxes WHERE poll_until IS NULL")
            ids = {row[0] for row in rows}
        finally:
            connection.close()
        return [name for name, relay in self.relays.items() if relay.node_id in ids]

    def _directory(self, name: str) -> Path:
        directory = self.folder / name
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory

    def _runtime(self, name: str) -> Runtime:
        """Every life of every program draws from a stream of its own."""
        self._lives[name] = self._lives.get(name, 0) + 1
        return self.runtime.for_part(f"{name}/{self._lives[name]}")

    async def _run(
        self,
        name: str,
        run: Callable[..., Awaitable[object]],
        task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.CancelScope() as scope:
            self._scopes[name] = scope
            await run(task_status=task_status)

"""Three relays, Alice with REST, and Bob, in virtual time: a network where little happens at once.

Used by `tools.walk`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import trio

from zentalk.api.app import create_app
from zentalk.config import ApiSettings, RelaySettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.relay.relay import Relay
from zentalk.store.key_file import create_identity
from zentalk.wire.text import RelayUri, parse_relay_uri

RELAYS: Final = 3
CABLE_SECONDS: Final = 0.025
START_WALL: Final = 1_800_000_000.0
PATIENCE_SECONDS: Final = 300.0
PACKET_BYTES: Final = 2_560
"""Nothing else that a node sends at once is as large, while it writes."""
TOKEN: Final = "token"  # noqa: S105  # of a node that nobody else can reach

T = TypeVar("T")


class QuietNetwork:
    """Calls `when_sent` when Alice hands a packet to the stream of a link."""

    def __init__(self, folder: Path) -> None:
        self.when_sent: Callable[[], object] = lambda: None
        self._folder = folder
        self._memory = MemoryNetwork(CABLE_SECONDS)
        self._memory.on_wire = self._look
        self._uris: list[RelayUri] = []

    async def start(self, nursery: trio.Nursery) -> None:
        """Start everything; return once Alice and Bob have each other as contacts."""
        for number in range(RELAYS):
            await self._start_relay(f"relay{number}", nursery)
        alice = await self._start_person("alice", nursery)
        bob = await self._start_person("bob", nursery)
        with trio.fail_after(PATIENCE_SECONDS):
            await alice.ready()
            await bob.ready()
        await alice.add_contact(bob.address, "Bob")
        await bob.add_contact(alice.address, "Alice")
        self._app = create_app(alice, TOKEN, trio.Event())
        self._path = f"/v1/conversations/{bob.address_text}/messages"

    async def post(self, text: str) -> None:
        """Let Alice write to Bob over REST; raises RuntimeError if she is refused."""
        body = json.dumps({"text": text}).encode()
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(answer: Any) -> None:
            answers.append(answer)

        await self._app(self._scope(len(body)), receive, send)
        if answers[0]["status"] != 202:
            raise RuntimeError(f"REST answers {answers}")

    def _scope(self, size_bytes: int) -> dict[str, Any]:
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {TOKEN}",
            "content-type": "application/json",
            "content-length": str(size_bytes),
        }
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
        }

    def _look(self, source: str, _target: str, data: bytes) -> None:
        if source == "alice" and len(data) >= PACKET_BYTES:
            self.when_sent()

    async def _start_relay(self, name: str, nursery: trio.Nursery) -> None:
        bootstraps = tuple(self._uris)
        settings = RelaySettings(directory=self._made(name), host=name, bootstraps=bootstraps)
        relay = Relay(settings, _runtime(name), self._memory.host(name))
        self._uris.append(parse_relay_uri(await nursery.start(relay.run)))

    async def _start_person(self, name: str, nursery: trio.Nursery) -> Node:
        runtime = _runtime(name)
        settings = ApiSettings(directory=self._made(name), port=0, bootstraps=tuple(self._uris[:2]))
        create_identity(settings.directory, runtime.entropy)
        node = Node(settings, runtime, self._memory.host(name))
        await nursery.start(node.run)
        return node

    def _made(self, name: str) -> Path:
        directory = self._folder / name
        directory.mkdir(mode=0o700)
        return directory


def _runtime(name: str) -> Runtime:
    """Return a virtual runtime none of whose functions stands in `zentalk/`."""

    async def inline(function: Callable[[], T], /) -> T:
        await trio.lowlevel.checkpoint()
        return function()

    return Runtime(
        monotonic=trio.current_time,
        wall=lambda: START_WALL + trio.current_time(),
        entropy=random.Random(name).randbytes,  # noqa: S311  # no secret is kept
        run_blocking=inline,
    )

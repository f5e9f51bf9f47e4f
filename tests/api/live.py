"""A real node that reaches no network, with REST on a port of its own, in the time of this world.

Programs that others wrote are held against it: they know no virtual clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.api.double import TOKEN
from zentalk.api.server import serve
from zentalk.config import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.node.notify.schedule import Answer
from zentalk.store.key_file import create_identity


@dataclass
class Live:
    """The node and where it answers."""

    node: Node
    url: str


async def post_nothing(
    _self: HttpPoster, _url: str, _headers: Mapping[str, str], _body: bytes
) -> Answer:
    """Stand for `HttpPoster.post`: what a made-up webhook names is never asked."""
    return Answer(204, "")


@asynccontextmanager
async def live_node(folder: Path) -> AsyncIterator[Live]:
    """Run a node and its REST."""
    runtime = Runtime.real()
    create_identity(folder, runtime.entropy)
    settings = ApiSettings(directory=folder, port=0, name="Alice")
    node = Node(settings, runtime, MemoryNetwork().host("alice"))
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        url = await nursery.start(serve, node, settings, TOKEN, stopping)
        yield Live(node, url)
        stopping.set()
        node.stop()

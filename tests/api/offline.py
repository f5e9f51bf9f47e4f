"""A real node that reaches no network, with people in its list: Bob and Carol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.api.double import BOB, STRANGER
from zentalk.config import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.wire.text import format_address

BOBS, CAROLS = format_address(BOB), format_address(STRANGER)


@asynccontextmanager
async def offline_node(folder: Path, runtime: Runtime | None = None) -> AsyncIterator[Node]:
    """Run the node of Alice, in real time unless a runtime is given."""
    node = _made(folder, runtime or Runtime.real())
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        await node.add_contact(BOB, "Bob")
        await node.add_contact(STRANGER, "Carol")
        yield node
        node.stop()


def _made(folder: Path, runtime: Runtime) -> Node:
    folder.mkdir(mode=0o700, exist_ok=True)
    create_identity(folder, runtime.entropy)
    return Node(ApiSettings(directory=folder, port=0), runtime, MemoryNetwork().host("alice"))

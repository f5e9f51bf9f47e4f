"""A REST application over a node without a network, and clients of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock as Clock

from tests.api.documented import hooks
from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.config.settings import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
async def rest(node: FakeNode) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token, straight into the application; answers are held against OpenAPI."""
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping, name="Alice"))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:3001",
        headers={"Authorization": f"Bearer {TOKEN}"},
        event_hooks=hooks(),
    ) as client:
        yield client


@pytest.fixture
async def real_rest(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: Clock
) -> AsyncIterator[httpx.AsyncClient]:
    """The same, of a real node that reaches no network."""
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    create_identity(tmp_path, runtime.entropy)
    settings = ApiSettings(directory=tmp_path, port=0)
    node = Node(settings, runtime, MemoryNetwork().host("alice"))
    await nursery.start(node.run)
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:3001",
        headers={"Authorization": f"Bearer {TOKEN}"},
        event_hooks=hooks(),
    ) as client:
        yield client
    node.stop()

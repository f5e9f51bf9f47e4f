"""A REST server with a node that has no network, and both clients of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.api.double import TOKEN, FakeNode
from zentalk.api.server import serve
from zentalk.client import AsyncClient, Client
from zentalk.config import ApiSettings


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
async def url(node: FakeNode, tmp_path: Path) -> AsyncIterator[str]:
    settings = ApiSettings(directory=tmp_path, port=0, name="Alice")
    async with trio.open_nursery() as nursery:
        yield await nursery.start(serve, node, settings, TOKEN, node.stopping)
        node.stop()


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(url, TOKEN) as client:
        yield client


@pytest.fixture
async def blocking(url: str) -> AsyncIterator[Client]:
    """To be used in a thread: it blocks."""
    with Client(url, TOKEN) as client:
        yield client

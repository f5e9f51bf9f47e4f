"""A REST application over a node without a network, and clients of it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.documented import hooks
from tests.api.double import TOKEN, FakeNode
from zentalk.api.app import create_app


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

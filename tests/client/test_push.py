"""Both clients make the calls about waking devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.double import FakeNode
from tests.node.notify.phones import waking
from tests.node.notify.push_server import PushServer
from zentalk.client import AsyncClient, Client
from zentalk.errors import NotFoundError

ENDPOINT = "https://push.example/up1"


async def test_push(client: AsyncClient, blocking: Client, node: FakeNode, tmp_path: Path) -> None:
    server = PushServer(host="https://push.example")
    async with waking(tmp_path / "history", server) as part:
        fake: Any = node
        fake.push = part.push
        device = await part.device()
        key = await client.push_key(device)
        assert key == await trio.to_thread.run_sync(blocking.push_key, device)
        phone = server.subscribe(vapid=key)
        made = await client.register_push(
            ENDPOINT, phone.public(), signed=True, types=["message."], device=device
        )
        assert (made.device, made.host, made.encrypted) == (device, "push.example", True)
        assert "push.example" not in repr(made)
        assert [made] == await client.push_endpoints()
        assert [made] == await trio.to_thread.run_sync(blocking.push_endpoints)
        assert (await client.test_push(device)).accepted
        server.status = 404
        tested = await trio.to_thread.run_sync(blocking.test_push, device)
        assert (tested.accepted, tested.status) == (False, 404)
        again = await trio.to_thread.run_sync(
            lambda: blocking.register_push(ENDPOINT, device=device)
        )
        assert not again.encrypted
        await client.remove_push(device)
        with pytest.raises(NotFoundError):
            await trio.to_thread.run_sync(blocking.remove_push, device)

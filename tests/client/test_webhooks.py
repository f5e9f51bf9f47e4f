"""Both clients make the calls about webhooks."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.api.double import FakeNode
from tests.node.notify.receivers import URL, Receiver, running
from zentalk.client import AsyncClient, Client
from zentalk.errors import NotFoundError


async def test_webhooks(
    client: AsyncClient, blocking: Client, node: FakeNode, tmp_path: Path
) -> None:
    async with running(tmp_path / "node", Receiver()) as part:
        node.webhooks = part.webhooks
        first = await client.add_webhook(URL, ["message."], "zt1a", "full")
        second = await trio.to_thread.run_sync(blocking.add_webhook, URL)
        assert (first.content, second.content) == ("full", "ids")
        assert first.secret not in repr(first)
        listed = await client.webhooks()
        assert [each.id for each in listed] == [first.id, second.id]
        assert listed == await trio.to_thread.run_sync(blocking.webhooks)
        assert await client.dead_letters(first.id) == []
        assert await trio.to_thread.run_sync(blocking.dead_letters, first.id) == []
        assert await client.retry_webhook(first.id) == 0
        assert await trio.to_thread.run_sync(blocking.retry_webhook, first.id) == 0
        await client.forget_dead_letters(first.id)
        await trio.to_thread.run_sync(blocking.forget_dead_letters, first.id)
        await client.remove_webhook(first.id)
        await trio.to_thread.run_sync(blocking.remove_webhook, second.id)
        assert await client.webhooks() == []
        with pytest.raises(NotFoundError):
            await client.remove_webhook(first.id)

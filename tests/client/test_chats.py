"""Both clients in a conversation, over a real server and a node that reaches no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.api.double import BOB, TOKEN
from zentalk.api.server import serve
from zentalk.client import AsyncClient, Client
from zentalk.config import ApiSettings
from zentalk.errors import NotFoundError
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a real node."""
    runtime = Runtime.real()
    create_identity(tmp_path, runtime.entropy)
    settings = ApiSettings(directory=tmp_path, port=0)
    node = Node(settings, runtime, MemoryNetwork().host("alice"))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        yield await nursery.start(serve, node, settings, TOKEN, node.stopping)
        node.stop()


async def test_an_async_client_does_everything_in_a_conversation(real: str) -> None:
    async with AsyncClient(real, TOKEN) as client:
        chat = client.chat(BOBS)
        said = await chat.send(text="helo")
        assert (await chat.edit(said.id, "hello")).edited
        assert [one.id for one in await client.search("hello", since=1.0, until=9e9)] == [said.id]
        assert await client.search("hello", since=9e9) == []
        assert await client.search("hello", BOBS, until=1.0) == []
        assert (await chat.react(said.id, "👍")).reactions[0].emoji == "👍"
        assert (await chat.pin(said.id)).pinned
        assert (await chat.star(said.id)).starred
        assert [one.id for one in await client.starred()] == [said.id]
        assert not (await chat.star(said.id, on=False)).starred
        poll = await chat.send(poll={"question": "which?", "options": ["x", "y"]})
        assert (await chat.vote(poll.id, [1])).votes[0].options == [1]
        answer = await chat.send(text="this", reply_to=poll.id)
        assert answer.reply_to is not None
        assert (await chat.forward(BOBS, poll.id, idempotency_key="k")).forwarded
        assert (await chat.forward(BOBS, poll.id, idempotency_key="k")).forwarded
        assert [one.id for one in await chat.after(said.seq, 1)] == [poll.id]
        assert said.id in [one.id for one in await chat.around(said.id)]
        assert len(await chat.since(0)) == 4
        await client.add_contact(BOBS, "Bob")
        assert [one.name for one in await client.search_names("bo")] == ["Bob"]
        await chat.set_timer(60)
        await chat.mute(1.9e9)
        await chat.save_draft("half a")
        await chat.typing()
        await client.shows([BOBS])
        shown = await chat.get()
        assert (shown.draft, shown.timer_seconds, shown.muted_until) == ("half a", 60, 1.9e9)
        assert [one.id for one in shown.pinned] == [said.id]
        await chat.delete(said.id, "everyone")
        await chat.delete(poll.id)
        assert (await client.message(said.id)).deleted
        await chat.clear()
        assert await client.messages(BOBS) == []
        with pytest.raises(NotFoundError):
            await chat.edit(said.id, "gone")
        with pytest.raises(NotFoundError):
            await chat.profile()


async def test_both_clients_show_and_set_what_others_see(real: str) -> None:
    def use() -> None:
        with Client(real, TOKEN) as client:
            assert client.set_privacy(typing=False).typing is False
            assert client.privacy().read_receipts
            assert client.set_profile("Alice", "away", b"png").version > 0
            assert client.profile().name == "Alice"
            chat = client.chat(BOBS)
            said = chat.send(text="hello", idempotency_key="one")
            assert chat.send(text="hello", idempotency_key="one").id == said.id
            assert chat.pin(said.id).pinned
            assert client.presence().typing == []

    await trio.to_thread.run_sync(use)
    async with AsyncClient(real, TOKEN) as client:
        assert not (await client.privacy()).typing
        assert (await client.profile()).status == "away"
        assert (await client.presence()).present == []

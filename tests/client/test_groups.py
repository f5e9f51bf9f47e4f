"""Both clients about groups, over a real server and a node that reaches no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.api.double import BOB, TOKEN
from tests.api.offline import BOBS, CAROLS, offline_node
from zentalk.api.server import serve
from zentalk.client import (
    ApiError,
    AsyncClient,
    Client,
    GroupChanged,
    GroupForgotten,
    GroupMemberChanged,
    GroupStanding,
)
from zentalk.config import ApiSettings
from zentalk.errors import ConflictError, NotFoundError
from zentalk.wire.invite import InviteLink, format_invite

LINK = format_invite(InviteLink(BOB, b"s" * 16))


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a real node."""
    async with offline_node(tmp_path) as node, trio.open_nursery() as nursery:
        settings = ApiSettings(directory=tmp_path, port=0)
        yield await nursery.start(serve, node, settings, TOKEN, node.stopping)
        node.stop()


async def test_an_async_client_does_everything_with_a_group(real: str) -> None:
    async with AsyncClient(real, TOKEN) as client:
        made = await client.create_group("Crew", [BOBS])
        group, chat = client.group(made.conversation), client.chat(made.conversation)
        assert (await group.get()) == made
        assert [one.conversation for one in await client.groups()] == [group.id]
        await group.invite([CAROLS])
        await group.set_role(BOBS, "admin")
        shown = await group.set_role(BOBS, "member")
        assert {one.address: one.role for one in shown.members}[BOBS] == "member"
        await group.remove(CAROLS)
        changed = await group.change(name="The crew", posting="admins")
        assert (changed.name, changed.posting) == ("The crew", "admins")
        with pytest.raises(NotFoundError):
            await group.picture()
        await group.set_picture(b"a small picture")
        assert await group.picture() == b"a small picture"
        await group.set_picture(b"")
        assert not (await group.get()).picture
        with pytest.raises(ConflictError, match="has not joined"):
            await group.share_history(BOBS)
        link = await group.create_link(max_uses=5, expires_in_seconds=3600)
        assert await group.links() == [link]
        [ticket] = (await group.get()).tickets
        assert (ticket.uses, ticket.used, ticket.role, ticket.closed) == (5, 0, "member", False)
        await client.revoke_invite(link.id)
        assert (await group.get()).tickets[0].closed
        await group.close_link(ticket.id)  # is so already
        with pytest.raises(ApiError, match="your own link"):
            await client.join_group(link.link)
        await client.join_group(LINK)
        said = await chat.send(text="hello")
        assert await chat.deliveries(said.id) == []
        assert (await client.conversations())[0].group
        assert (await group.accept()).standing is GroupStanding.JOINED
        await group.leave()
        with pytest.raises(ConflictError, match="left"):
            await chat.send(text="more")
        page = await client.event_page(types=["group."], conversation=group.id)
        kinds = {type(event) for event in page.events}
        assert kinds == {GroupChanged, GroupMemberChanged}
        await group.forget()
        page = await client.event_page(types=["group."], conversation=group.id)
        [event] = page.events
        assert isinstance(event, GroupForgotten)
        assert (event.conversation, event.reason) == (group.id, "")
        assert await client.groups() == []


async def test_a_blocking_client_does_the_same(real: str) -> None:
    def use() -> None:
        with Client(real, TOKEN) as client:
            made = client.create_group("News", [BOBS], kind="channel")
            group, chat = client.group(made.conversation), client.chat(made.conversation)
            assert (group.get().kind, client.groups()[0].name) == ("channel", "News")
            group.invite([CAROLS])
            assert group.set_role(CAROLS, "admin").members
            group.remove(BOBS)
            assert group.change(description="daily").description == "daily"
            group.set_picture(b"png")
            assert group.picture() == b"png"
            assert chat.deliveries(chat.send(text="first").id) == []
            with pytest.raises(ConflictError, match="has not joined"):
                group.share_history(CAROLS, count=5)
            link = group.create_link()
            assert [one.id for one in group.links()] == [link.id]
            group.close_link(group.get().tickets[0].id)
            assert [one.state for one in group.links()] == ["revoked"]
            client.join_group(LINK)
            assert group.accept().standing is GroupStanding.JOINED
            group.leave()
            with pytest.raises(ConflictError):
                group.leave()
            group.forget()
            with pytest.raises(NotFoundError):
                group.forget()

    await trio.to_thread.run_sync(use)

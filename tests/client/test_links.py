"""Both clients make the calls about linked nodes."""

from __future__ import annotations

import pytest
import trio

from tests.api.double import FakeNode
from zentalk.client import AsyncClient, Client, LinkedNodes
from zentalk.errors import ConflictError, NotFoundError


async def test_links(client: AsyncClient, blocking: Client, node: FakeNode) -> None:
    run = trio.to_thread.run_sync
    made = await client.open_link()
    assert made.code not in repr(made)
    state = await client.link_state()
    assert isinstance(state, LinkedNodes)
    assert [link.id for link in state.links] == [made.id]
    assert state == await run(blocking.link_state)
    with pytest.raises(ConflictError):
        await run(blocking.open_link)
    await run(blocking.remove_link, made.id)
    with pytest.raises(NotFoundError):
        await client.remove_link(made.id)
    assert (await run(blocking.open_link)).id == made.id
    await client.keep_recovery(b"1" * 113)
    await run(blocking.keep_recovery, b"2" * 113)
    assert node.links.sealed == b"2" * 113
    assert (await client.link_state()).recovery

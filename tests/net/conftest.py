"""A world of relays. Its tests take `autojump_clock` too: only then is the clock virtual."""

from collections.abc import AsyncIterator

import pytest
import trio

from tests.net.support import World


@pytest.fixture
async def world(nursery: trio.Nursery) -> AsyncIterator[World]:
    nursery.start_soon(_never_for_ever)
    yield World(nursery)
    nursery.cancel_scope.cancel()


async def _never_for_ever() -> None:
    # Keepalives let virtual time run on: a test that waits for nothing would never end.
    await trio.sleep(20_000)
    raise AssertionError("this test waits for something that does not happen")

"""A line between two ports. Its tests take `autojump_clock` too: only then is the clock virtual."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.net.quic.support import Line, opened


@pytest.fixture
async def line(nursery: trio.Nursery) -> AsyncIterator[Line]:
    nursery.start_soon(_never_for_ever)
    yield await opened(nursery)
    nursery.cancel_scope.cancel()


async def _never_for_ever() -> None:
    await trio.sleep(3_000)
    raise AssertionError("this test waits for something that does not happen")

"""The transport of a test, and its clock: virtual, but where the kernel moves the bytes.

Its tests take `clock` too: only then is the clock virtual.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from tests.net.contract.ways import KINDS, Kind, Way
from zentalk.net.transport import close_soon


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    found = request.param
    assert isinstance(found, Kind)
    return found


@pytest.fixture
def clock(kind: Kind) -> MockClock | None:
    return MockClock(autojump_threshold=0) if kind.is_virtual else None


@pytest.fixture
async def way(kind: Kind) -> AsyncIterator[Way]:
    async with kind.opens() as opened, trio.open_nursery() as nursery:
        nursery.start_soon(_never_for_ever, opened)
        yield opened
        for stream in opened.made:
            await close_soon(stream)
        nursery.cancel_scope.cancel()


async def _never_for_ever(way: Way) -> None:
    with trio.move_on_after(3_000 if way.is_virtual else 60):
        await trio.sleep_forever()
    raise AssertionError("this test waits for something that does not happen")

"""Nodes whose databases are in the folder of the test.

Their tests take `autojump_clock` too: only then is the clock virtual.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.node.direct.desk import Desk, desk


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Desk]:
    """Run a node; its database is closed when its tasks have ended."""
    with desk(path) as found:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(found.run)
            await found.furnish()
            yield found
            nursery.cancel_scope.cancel()


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Desk]:
    """A node that runs for the length of the test."""
    async with running(tmp_path / "one.db") as found:
        yield found


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Desk]:
    """Another one."""
    async with running(tmp_path / "other.db") as found:
        yield found

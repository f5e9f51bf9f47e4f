"""A history database with its writer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from zentalk.net.runtime import Runtime
from zentalk.store.history.database import HistoryDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.virtual(1, 0.0).run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        yield database
        nursery.cancel_scope.cancel()
    database.close()

"""A history database with its writer; every event is held against the table of bodies."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.event_check import check_every_event
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


@pytest.fixture(autouse=True)
def _typed_events(monkeypatch: pytest.MonkeyPatch) -> None:
    check_every_event(monkeypatch)

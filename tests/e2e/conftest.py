"""Fixtures of whole networks in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.e2e.world import World
from tests.event_check import check_every_event
from tests.schedule import SCHEDULE
from zentalk.directory.records import LEAST_WORK_BITS
from zentalk.node.records import holders


@pytest.fixture
async def world(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """A network without relays or people yet; it ends with the test.

    A test must also ask for `autojump_clock` itself, or it runs in real time. Records carry the
    least work that holders take: a search for four times as much shows nothing more.
    """
    monkeypatch.setattr(holders, "PUBLISHED_WORK_BITS", LEAST_WORK_BITS)
    yield World(tmp_path, nursery, SCHEDULE)
    nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def _typed_events(monkeypatch: pytest.MonkeyPatch) -> None:
    check_every_event(monkeypatch)

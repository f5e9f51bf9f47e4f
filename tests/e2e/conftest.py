"""Fixtures of whole networks in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio.testing
from tests.e2e.world import World


@pytest.fixture
async def world(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> AsyncIterator[World]:
    """A network without relays or people yet; it ends with the test."""
    yield World(tmp_path, nursery)
    nursery.cancel_scope.cancel()

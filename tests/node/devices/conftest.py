"""Every event that is appended here is held against the table of bodies."""

import pytest

from tests.event_check import check_every_event


@pytest.fixture(autouse=True)
def _typed_events(monkeypatch: pytest.MonkeyPatch) -> None:
    check_every_event(monkeypatch)

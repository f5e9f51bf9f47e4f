"""Months of care in virtual time."""

from __future__ import annotations

import pytest

from zentalk.node.files.holders import links


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the links of tests look for idle ones every half hour: months pass sooner."""
    monkeypatch.setattr(links, "IDLE_SECONDS", 3600.0)

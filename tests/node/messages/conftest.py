"""People whose databases are in the folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.event_check import check_every_event
from tests.node.persons import Newcomer, Person


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    with ExitStack() as open_databases:
        yield lambda name: open_databases.enter_context(closing(Person(tmp_path, name)))


@pytest.fixture
def alice(newcomer: Newcomer) -> Person:
    return newcomer("alice")


@pytest.fixture
def bob(newcomer: Newcomer) -> Person:
    return newcomer("bob")


@pytest.fixture
def carol(newcomer: Newcomer) -> Person:
    return newcomer("carol")


@pytest.fixture(autouse=True)
def _typed_events(monkeypatch: pytest.MonkeyPatch) -> None:
    check_every_event(monkeypatch)

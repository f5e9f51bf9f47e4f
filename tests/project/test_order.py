"""The order in which a run in several processes begins its tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.order import longest_first


@dataclass(frozen=True)
class Named:
    """A test of a file, with its markers."""

    name: str
    marks: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        return Path(self.name.split("::")[0])

    def get_closest_marker(self, name: str) -> object | None:
        return name if name in self.marks else None


SLOW, NETWORK = frozenset({"slow"}), frozenset({"e2e"})


def test_each_share_begins_with_what_takes_long_and_files_stay_together() -> None:
    items = [
        Named("a.py::1"),
        Named("b.py::1"),
        Named("b.py::2", SLOW),
        Named("c.py::1", NETWORK),
        Named("d.py::1", SLOW),
        Named("e.py::1"),
    ]
    names = [item.name for item in longest_first(items, 2)]
    assert names == ["b.py::1", "b.py::2", "c.py::1", "e.py::1", "d.py::1", "a.py::1"]


def test_no_test_is_lost_or_repeated() -> None:
    items = [Named(f"{number % 7}.py::{number}") for number in range(100)]
    for processes in (1, 2, 3, 64):
        ordered = longest_first(items, processes)
        assert sorted(item.name for item in ordered) == sorted(item.name for item in items)

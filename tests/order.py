"""The order of a run in several processes: files with long tests begin first.

A long test that begins last keeps one process busy while the others have nothing left. pytest-xdist
gives each process a run of neighbours, and lets those that are done early steal from the end of
another's: so each process's share begins with what takes long and ends with what takes least.
Tests of a file stay together, as they may share what they look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar


class Marked(Protocol):
    """What is asked of a test."""

    @property
    def path(self) -> Path:
        """The file that it is in."""
        ...

    def get_closest_marker(self, name: str) -> object | None:
        """Return a marker that it or what it is in has."""
        ...


T = TypeVar("T", bound=Marked)


def weight(item: Marked) -> int:
    """Return how long a test takes, roughly: slow ones most, then those with whole networks."""
    if item.get_closest_marker("slow") is not None:
        return 2
    return int(any(item.get_closest_marker(name) is not None for name in ("e2e", "faults")))


def longest_first(items: Sequence[T], processes: int) -> list[T]:
    """Deal files out to processes, by their longest test, and return share after share."""
    files: dict[Path, list[T]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    ordered = sorted(files.values(), key=lambda tests: max(map(weight, tests)), reverse=True)
    shares = [ordered[first::processes] for first in range(processes)]
    return [item for share in shares for tests in share for item in tests]

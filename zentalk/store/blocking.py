"""The way to run blocking work: in a thread in real life, inline in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class RunBlocking(Protocol):
    """Runs a blocking function off the event loop (see `zentalk.net.runtime`)."""

    async def __call__(self, function: Callable[[], T], /) -> T:
        """Return what `function` returns, or raise what it raises."""
        ...

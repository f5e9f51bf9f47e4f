"""Runs what uses the client on a loop of its own, in a thread, while its node runs on trio here."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import pytest
import trio

T = TypeVar("T")

LOOPS = ("asyncio", "trio")
both_loops = pytest.mark.parametrize("loop", LOOPS)


async def on(loop: str, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Return what the function returns on this loop."""
    return await trio.to_thread.run_sync(
        functools.partial(anyio.run, function, *arguments, backend=loop)
    )

"""Waiting out a disk that is full or failing, where nobody could be told of it.

A person who sends gets the error; a task of the node's own has nobody to give it to. It
tries again until the disk is back, and the node's status says meanwhile what is wrong.
Nothing that was not stored may be treated as if it were.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from zentalk.errors import StorageError

T = TypeVar("T")

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0


async def until_stored(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns, trying again for as long as it raises StorageError."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await attempt()
        except StorageError:
            await trio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

"""Reads the body of an answer as it comes, and leaves nothing of it to the garbage collector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx


@asynccontextmanager
async def pieces_of(
    response: httpx.Response, most_bytes: int | None = None
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give the pieces of a body as they come, or of so many bytes each."""
    pieces = response.aiter_raw(most_bytes)
    try:
        yield pieces
    finally:
        await leave(pieces)


async def leave(pieces: AsyncIterator[bytes]) -> None:
    """Stop reading.

    httpx nests generators and closes only the outermost; a cancelled read runs through all of them.
    """
    with anyio.CancelScope() as leaving:
        leaving.cancel()
        try:
            while True:
                await anext(pieces)
        except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError):
            return

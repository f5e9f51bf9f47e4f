"""A line to a node that is cut again and again, in the middle of whatever it carries."""

from __future__ import annotations

import functools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio


class Cutter:
    """Passes on what a node sends until `between` bytes have gone, then cuts."""

    def __init__(self, seed: int, between: tuple[int, int]) -> None:
        self._random = random.Random(seed)
        self._between = between
        self.cuts = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def line_to(self, url: str) -> AsyncIterator[str]:
        """Give the URL of a bad line to the node at `url`."""
        async with trio.open_nursery() as nursery:
            handle = functools.partial(self._carry, int(urlsplit(url).port or 0))
            listeners = await nursery.start(
                functools.partial(trio.serve_tcp, handle, self.port, host="127.0.0.1")
            )
            self.port = listeners[0].socket.getsockname()[1]
            yield self.url
            nursery.cancel_scope.cancel()

    async def _carry(self, port: int, client: trio.SocketStream) -> None:
        left = self._random.randint(*self._between)
        try:
            node = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            return
        async with client, node, trio.open_nursery() as nursery:
            nursery.start_soon(self._ask, client, node, nursery.cancel_scope)
            try:
                async for data in node:
                    await client.send_all(data[:left])
                    left -= len(data)
                    if left <= 0:
                        self.cuts += 1
                        break
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            nursery.cancel_scope.cancel()

    async def _ask(
        self, client: trio.SocketStream, node: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        try:
            async for data in client:
                await node.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

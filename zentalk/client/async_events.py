"""Event streams to await: one connection, and as many as it takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import anyio
import httpx

from zentalk.client.async_bodies import leave
from zentalk.client.calls import transport_error
from zentalk.client.following import Following
from zentalk.client.sse import EventParser
from zentalk.errors import ZentalkError
from zentalk.rest.events import Event


class EventFeed:
    """An open event stream; iterating ends when the node stops.

    Raises TransportError when the connection is lost: open a new one after the last `seq`.
    """

    def __init__(self, response: httpx.Response, base_url: str, after: int) -> None:
        self._chunks = response.aiter_raw()
        self._base_url = base_url
        self._parser = EventParser(after)
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> EventFeed:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event, waiting for it."""
        while not self._ready:
            try:
                chunk = await anext(self._chunks)
            except httpx.TransportError as error:
                raise transport_error(self._base_url, error) from None
            self._ready.extend(self._parser.feed(chunk))
        return self._ready.popleft()

    async def aclose(self) -> None:
        """Leave the stream."""
        await leave(self._chunks)


Open = Callable[[int], AbstractAsyncContextManager[EventFeed]]
Page = Callable[[int, int], Awaitable[list[Event]]]


class EventFollower:
    """The event log as it grows, over as many connections as it takes; it ends by an error only.

    A wait for the next event may be cancelled: the next one goes on where this one was.
    """

    def __init__(self, following: Following, open_stream: Open, page: Page) -> None:
        self._following = following
        self._open = open_stream
        self._page = page
        self._connection = AsyncExitStack()
        self._feed: EventFeed | None = None

    @property
    def last_seq(self) -> int:
        """The last event that was handed over."""
        return self._following.last_seq

    def __aiter__(self) -> EventFollower:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event, waiting for it.

        Raises NodeGoneError when the node is away for too long, LogEndedError if its log is
        another one, and at once what no other try can mend, such as AccessDeniedError.
        """
        while True:
            try:
                feed = self._feed or await self._connect()
                event = await anext(feed)
            except StopAsyncIteration:
                await self._lost(None)
            except ZentalkError as error:
                await self._lost(error)
            else:
                if self._following.is_new(event, anyio.current_time()):
                    return event

    async def aclose(self) -> None:
        """Leave the stream."""
        self._feed = None
        await self._connection.aclose()

    async def _connect(self) -> EventFeed:
        last = self._following.last_seq
        feed = await self._connection.enter_async_context(self._open(last))
        if last:
            self._following.check_log(await self._page(last - 1, 1))
        self._following.connected(anyio.current_time())
        self._feed = feed
        return feed

    async def _lost(self, error: ZentalkError | None) -> None:
        await self.aclose()
        await anyio.sleep(self._following.wait_after(error, anyio.current_time()))

"""One HTTP connection: Hypercorn's HTTP/1.1 over a stream, and how long each thing may take.

Hypercorn reads and answers; this file decides for how long a peer may take to ask, to be idle and
to take an answer. HTTP/2 is not spoken: nobody needs it here, and what is not there cannot break.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Final

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

REQUEST_SECONDS: Final = 30.0
"""From the first byte of a connection, or the end of a request's head, to the request's end."""
KEEP_ALIVE_SECONDS: Final = 75.0
SEND_SECONDS: Final = 30.0
"""For each piece of an answer to be taken."""
_PIECE_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 64 * 1024
_STILL_ASKING: Final = frozenset({h11.IDLE, h11.SEND_BODY})
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class _Http1(H11Protocol):
    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: an offer to upgrade may be ignored (RFC 9110, section 7.8)."""


class HttpConnection:
    """Serves one stream with an ASGI application (in Hypercorn's wrapping) until it ends."""

    def __init__(
        self,
        app: Any,
        config: Config,
        context: WorkerContext,
        stream: trio.SocketStream,
        places: tuple[tuple[str, int], tuple[str, int]],
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._stream = stream
        self._places = places
        self._sending = trio.Lock()
        self._reading = trio.CancelScope()
        self._until = math.inf
        self._protocol: _Http1

    async def run(self) -> None:
        """Read and answer until one side closes or takes too long."""
        client, server = self._places
        async with TaskGroup() as tasks:
            self._protocol = _Http1(
                self._app,
                self._config,
                self._context,
                tasks,
                ConnectionState({}),
                False,
                client,
                server,
                self._on_event,
            )
            try:
                await self._read()
            finally:
                await trio.aclose_forcefully(self._stream)

    def stop_if_idle(self) -> None:
        """Close if no request is under way; else the answer closes the connection."""
        if self._protocol.stream is None:
            self._reading.cancel()

    async def _read(self) -> None:
        self._until = trio.current_time() + REQUEST_SECONDS
        while await self._read_once():
            pass
        await self._protocol.handle(Closed())

    async def _read_once(self) -> bool:
        """Take what comes next; False at the end of the stream or of the time."""
        asking = self._protocol.connection.their_state in _STILL_ASKING
        with trio.CancelScope(deadline=self._until if asking else math.inf) as self._reading:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except _GONE:
                return False
            await self._protocol.handle(RawData(bytes(data)))
            return bool(data)
        return False

    async def _on_event(self, event: Event) -> None:
        """Do what Hypercorn wants done with the connection."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            await self._end()
        elif isinstance(event, Updated) and event.idle:
            self._until = trio.current_time() + KEEP_ALIVE_SECONDS
            self._reading.deadline = self._until
        elif isinstance(event, Updated):
            self._until = trio.current_time() + REQUEST_SECONDS

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            for start in range(0, len(data), _PIECE_BYTES):
                with trio.move_on_after(SEND_SECONDS) as patience, suppress(*_GONE):
                    await self._stream.send_all(data[start : start + _PIECE_BYTES])
                    continue
                if patience.cancelled_caught:
                    await trio.aclose_forcefully(self._stream)
                break
            else:
                return
        await self._end()

    async def _end(self) -> None:
        self._reading.cancel()
        with suppress(*_GONE, trio.BusyResourceError):
            await self._stream.send_eof()
        await self._protocol.handle(Closed())

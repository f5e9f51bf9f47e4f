"""The other side of the WebSocket of events: wsproto's client on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from tests.api.double import TOKEN

Headers = Sequence[tuple[bytes, bytes]]
WITH_TOKEN: Headers = ((b"authorization", f"Bearer {TOKEN}".encode()),)
PATIENCE_SECONDS = 300


class EventClient:
    """One socket. It answers pings only while it is read from."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._frames = WSConnection(ConnectionType.CLIENT)
        self._found: list[Event] = []
        self.status = 101

    async def ask(self, path: str, headers: Headers, host: str) -> None:
        request = Request(host=host, target=path, extra_headers=list(headers))
        await self.stream.send_all(self._frames.send(request))
        answer = await self.event()
        if isinstance(answer, RejectConnection):
            self.status = answer.status_code
        else:
            assert isinstance(answer, AcceptConnection)

    async def event(self) -> Event:
        """Return the next event of the protocol; pings are answered."""
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                while not self._found:
                    data = bytes(await self.stream.receive_some())
                    self._frames.receive_data(data or None)
                    self._found += self._frames.events()
                event = self._found.pop(0)
                if isinstance(event, Ping):
                    await self.stream.send_all(self._frames.send(event.response()))
                elif not isinstance(event, RejectData):
                    return event

    async def message(self) -> dict[str, Any]:
        """Return the next whole message."""
        text = ""
        while True:
            event = await self.event()
            assert isinstance(event, TextMessage), event
            text += event.data
            if event.message_finished:
                found: dict[str, Any] = json.loads(text)
                return found

    async def seqs(self, count: int) -> list[int]:
        return [(await self.message())["seq"] for _ in range(count)]

    async def say(self, content: Any) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        await self.stream.send_all(self._frames.send(TextMessage(text)))

    async def end(self) -> tuple[int, str]:
        """Return the code and the reason with which the server closes."""
        event = await self.event()
        assert isinstance(event, CloseConnection), event
        return int(event.code), event.reason or ""


@asynccontextmanager
async def open_socket(
    port: int,
    query: str = "",
    headers: Headers = WITH_TOKEN,
    *,
    path: str = "/v1/events/ws",
    host: str = "127.0.0.1",
) -> AsyncIterator[EventClient]:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        client = EventClient(stream)
        await client.ask(path + query, headers, host)
        yield client

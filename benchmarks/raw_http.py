"""The least HTTP/1.1 that sends JSON and reads the answer, so that the load costs little."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio


class RawHttp:
    """One server and the token for it."""

    def __init__(self, url: str, token: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._token = token

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[RawConnection]:
        """Open a connection that stays open between requests."""
        host, _, port = self._netloc.rpartition(":")
        headers = (
            f"Host: {self._netloc}\r\nAuthorization: Bearer {self._token}\r\n"
            "Content-Type: application/json\r\n"
        )
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            yield RawConnection(stream, headers)


class RawConnection:
    """Asks one thing at a time."""

    def __init__(self, stream: trio.SocketStream, headers: str) -> None:
        self._stream = stream
        self._headers = headers

    async def get(self, path: str) -> bytes:
        """Return the body of the answer; raises RuntimeError if it is an error."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._headers}\r\n".encode())

    async def post(self, path: str, body: bytes) -> bytes:
        """Return the body of the answer; raises RuntimeError if it is an error."""
        head = f"POST {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + body)

    async def _ask(self, request: bytes) -> bytes:
        await self._stream.send_all(request)
        answer = await self._read(b"")
        while b"\r\n\r\n" not in answer:
            answer = await self._read(answer)
        top, _, rest = answer.partition(b"\r\n\r\n")
        status, *lines = top.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(rest) < length:
            rest = await self._read(rest)
        if not status.startswith(b"http/1.1 2"):
            raise RuntimeError(rest.decode())
        return rest

    async def events(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the data of server-sent events; the connection is of no other use then."""
        head = f"GET {path} HTTP/1.1\r\n{self._headers}\r\n"
        await self._stream.send_all(head.encode())
        rest = b""
        while b"\r\n\r\n" not in rest:
            rest = await self._read(rest)
        top, _, rest = rest.partition(b"\r\n\r\n")
        if not top.startswith(b"HTTP/1.1 200") or b"chunked" not in top.lower():
            raise RuntimeError(f"no stream of chunks: {top.decode()}")
        text = b""
        while True:
            while b"\r\n" not in rest:
                rest = await self._read(rest)
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            while len(rest) < length + 2:
                rest = await self._read(rest)
            text, rest = text + rest[:length], rest[length + 2 :]
            *lines, text = text.split(b"\n")
            for line in lines:
                if line.startswith(b"data: "):
                    yield line[6:]

    async def _read(self, so_far: bytes) -> bytes:
        data = await self._stream.receive_some(65536)
        if not data:
            raise RuntimeError("the server closed the connection")
        return so_far + data

"""Connections of an HTTP client over a network of ours, such as one behind a proxy.

The library for HTTP opens its own, and resolves names for them, where it is not told otherwise.
With a proxy in between neither may happen here.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpcore
import trio

from zentalk.net.transport import ByteStream, Dials, kept_if_made
from zentalk.net.ways.tls import shake_hands
from zentalk.wire.host import with_brackets


class HttpLines(httpcore.AsyncNetworkBackend):
    """Has `network` dial. A connection that cannot be made raises ConnectFailedError."""

    def __init__(self, network: Dials) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; callers bring a deadline of their own."""
        del timeout, local_address, socket_options
        return _HttpLine(await self._network.dial(with_brackets(host), port), host)


class _HttpLine(httpcore.AsyncNetworkStream):
    def __init__(self, stream: ByteStream, host: str) -> None:
        self._stream = stream
        self._host = host

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        try:
            return await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise httpcore.ReadError("the connection broke") from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise httpcore.WriteError("the connection broke") from None

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        del timeout
        host = server_hostname or self._host
        async with kept_if_made(self._stream, host):
            return _HttpLine(await shake_hands(self._stream, ssl_context, host, host), host)

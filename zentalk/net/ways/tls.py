"""TLS over any stream, as a client, with the certificates that the system trusts.

The line then looks like any to a web server. Who the relay is, the link's own handshake proves: a
certificate adds nothing to that, and a wrong one is refused all the same, because somebody is in
between then.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any, Final

import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.transport import ByteStream
from zentalk.wire.text import RelayUri

_ALPN: Final = ["http/1.1"]


async def over_tls(stream: ByteStream, uri: RelayUri) -> ByteStream:
    """Shake hands with the host of a URI; raises ConnectFailedError with what is wrong."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(_ALPN)
    return await shake_hands(stream, context, uri.host, uri.place)


async def shake_hands(
    stream: ByteStream, context: ssl.SSLContext, host: str, place: str
) -> ByteStream:
    """Shake hands with a host, which errors call `place`; raises ConnectFailedError."""
    tls = trio.SSLStream(
        _AsTrio(stream), context, server_hostname=host.strip("[]"), https_compatible=True
    )
    try:
        await tls.do_handshake()
    except trio.BrokenResourceError as error:
        raise ConnectFailedError(place, _reason(error.__cause__)) from None
    return _AsOurs(tls)


class _AsOurs:
    """A connection of trio's TLS, as one of our streams."""

    def __init__(self, tls: trio.SSLStream[Any]) -> None:
        self._tls = tls

    async def send_all(self, data: bytes, /) -> None:
        await self._tls.send_all(data)

    async def receive_some(self, max_bytes: int, /) -> bytes:
        return bytes(await self._tls.receive_some(max_bytes))

    async def aclose(self) -> None:
        with suppress(trio.BrokenResourceError):
            await self._tls.aclose()


def _reason(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate was refused: {cause.verify_message.rstrip('.')}"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return f"TLS failed: {cause.reason.lower().replace('_', ' ')}"
    return "the connection broke during the handshake of TLS"


class _AsTrio(trio.abc.Stream):
    """One of our streams with the methods that trio's TLS expects."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self._stream.receive_some(max_bytes or 64 * 1024)

    async def aclose(self) -> None:
        await self._stream.aclose()

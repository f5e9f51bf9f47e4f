"""Reads what proxies answer, and no byte further: what comes behind is the relay's."""

from __future__ import annotations

from zentalk.net.transport import ByteStream


class ProxyRefusedError(Exception):
    """The proxy does not connect; the text says why."""


async def read_exactly(stream: ByteStream, length: int) -> bytes:
    """Return so many bytes; raises ProxyRefusedError if the proxy hangs up before."""
    data = b""
    while len(data) < length:
        part = await stream.receive_some(length - len(data))
        if not part:
            raise ProxyRefusedError("it hung up")
        data += part
    return data


async def read_until(stream: ByteStream, end: bytes, most: int) -> bytes:
    """Return what comes up to `end`, that included; raises ProxyRefusedError above `most`."""
    data = b""
    while not data.endswith(end):
        if len(data) >= most:
            raise ProxyRefusedError("its answer is too long")
        data += await read_exactly(stream, 1)
    return data

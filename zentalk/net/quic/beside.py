"""The datagrams of a port that are not QUIC's, as `Datagrams` of their own.

Every packet of QUIC version 1 has the bit 0x40 of its first byte set, so whoever wants to use the
port beside it begins its datagrams with less than that (RFC 9000 section 17, RFC 9443).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio

from zentalk.errors import LocalProtocolError
from zentalk.net.datagrams import Address, Datagrams

FIRST_BYTE_BELOW: Final = 0x40
QUEUE_DATAGRAMS: Final = 64
"""The most that is held unread; more is lost."""


class BesideQuic:
    """A port as it is beside QUIC: satisfies `Datagrams`. Made by an endpoint."""

    def __init__(self, port: Datagrams) -> None:
        self._port = port
        self._arrived, self._unread = trio.open_memory_channel[tuple[bytes, Address]](
            QUEUE_DATAGRAMS
        )
        self._closed = False

    @property
    def local_port(self) -> int:
        """The port."""
        return self._port.local_port

    async def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or lose it; raises trio.ClosedResourceError.

        Raises LocalProtocolError for one that the other side would take for QUIC.
        """
        if is_quic(data):
            raise LocalProtocolError("a datagram beside QUIC begins with a byte below 0x40")
        if self._closed:
            raise trio.ClosedResourceError("this port is closed")
        await self._port.send(data, address)

    async def receive(self) -> tuple[bytes, Address]:
        """Return a datagram and where it says it is from; raises trio.ClosedResourceError."""
        return await self._unread.receive()

    async def aclose(self) -> None:
        """End this use of the port; the port itself is the endpoint's."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Called by the endpoint when it has ended."""
        self._closed = True
        self._unread.close()

    def arrived(self, data: bytes, source: Address) -> None:
        """Called by the endpoint with a datagram."""
        with suppress(trio.WouldBlock, trio.BrokenResourceError):  # full, or closed
            self._arrived.send_nowait((data, source))


def is_quic(data: bytes) -> bool:
    """Whether a datagram is to be taken for QUIC."""
    return data[:1] >= bytes([FIRST_BYTE_BELOW])

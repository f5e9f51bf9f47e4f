"""The other end of one TCP connection: bytes in and out, and how long it may take over them.

A socket is tried before it is waited for, and waits are trio's own: a small answer costs one system
call and no turn of the scheduler. Whatever goes wrong with the socket is the end of the
connection, never an exception.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final

import trio

SEND_SECONDS: Final = 30.0
"""The time for each piece of an answer to be taken; beyond it the connection is cut."""
LINGER_SECONDS: Final = 2.0
"""After the last answer, a peer that sends nothing for so long is not listened to any more."""
LINGER_LONGEST_SECONDS: Final = 10.0
LINGER_BYTES: Final = 64 * 1024 * 1024
"""Most clients read the answer only after they have sent all of a body, however large it is."""
_PIECE_BYTES: Final = 64 * 1024
READ_BYTES: Final = 64 * 1024


class Peer:
    """A connected socket that does not block. One task may read while another writes."""

    __slots__ = ("_sock", "_writing", "ended", "gone")

    is_secure = False
    """Whether TLS is between."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._writing = False
        self.ended = False
        """Whether the peer sends nothing more; it may still read."""
        self.gone = False
        """Whether nothing can be sent to the peer any more."""

    async def read(self) -> bytes:
        """Return what arrives next, nothing at the end."""
        return await self._receive()

    async def _receive(self) -> bytes:
        """Return what arrives next at the socket, nothing at the end."""
        while not self.gone:
            try:
                await trio.lowlevel.wait_readable(self._sock)
                data = self._sock.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                self.gone = True
                break
            self.ended = not data
            return data
        return b""

    async def write(self, data: bytes) -> None:
        """Send all of it, or find that the peer is gone."""
        if self._writing:
            raise RuntimeError("two tasks write to one connection at a time")
        if self.gone or not data:
            await trio.lowlevel.checkpoint()
            return
        sent = self._send(data)
        if sent < len(data):
            self._writing = True
            try:
                await self._write_rest(memoryview(data)[sent:])
            finally:
                self._writing = False

    async def linger(self) -> None:
        """Say that nothing more is sent, and wait a while for the same from the peer.

        What a closed socket has not read destroys what the peer has not read yet: the answer.
        """
        if self.gone:
            return
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        left = LINGER_BYTES
        until = trio.current_time() + LINGER_LONGEST_SECONDS
        while left > 0 and not self.ended and not self.gone:
            with trio.move_on_at(min(until, trio.current_time() + LINGER_SECONDS)) as patience:
                left -= len(await self._receive())
            if patience.cancelled_caught:
                return

    def close(self) -> None:
        """Close the socket; whoever waits for it finds the peer gone."""
        self.gone = True
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    async def _write_rest(self, rest: memoryview) -> None:
        for start in range(0, len(rest), _PIECE_BYTES):
            piece = rest[start : start + _PIECE_BYTES]
            with trio.move_on_after(SEND_SECONDS) as patience:
                while piece and not self.gone:
                    with suppress(trio.ClosedResourceError):
                        await trio.lowlevel.wait_writable(self._sock)
                    piece = piece[self._send(piece) :]
            if patience.cancelled_caught:
                self.close()
            if self.gone:
                return

    def _send(self, data: bytes | memoryview) -> int:
        """Return how much of it was taken; 0 also if the peer is gone."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.gone = True
            return 0

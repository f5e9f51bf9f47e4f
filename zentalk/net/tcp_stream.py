"""A TCP connection as a byte stream that costs little: it tries first and waits only if it must.

trio's own streams go through the scheduler at every call, and ask the kernel for bytes before
they wait for any. A relay moves each packet in two such calls, which then cost more than the
packet's cryptography. This stream waits by `trio.lowlevel` and nothing else; whoever sends in a
loop must give others their turn.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio


class TcpStream(trio.abc.AsyncResource):
    """One connected socket, which it owns. One task may read and one may write at a time."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self.socket = connected
        self._may_have_more = False

    @classmethod
    def take(cls, stream: trio.SocketStream) -> TcpStream:
        """Return a stream over the socket of trio's stream, which cannot be used any more."""
        return cls(socket.socket(fileno=stream.socket.detach()))

    @property
    def peer_host(self) -> str:
        """The address at the other end, empty if that hung up already."""
        try:
            return str(self.socket.getpeername()[0])
        except OSError:
            return ""

    def has_own_address(self) -> bool:
        """Tell whether this machine still has the address from which this goes.

        If not, nothing comes any more, and the kernel may go on trying for minutes.
        """
        if self.socket.family not in (socket.AF_INET, socket.AF_INET6):
            return True
        try:
            own = self.socket.getsockname()
            with socket.socket(self.socket.family, socket.SOCK_DGRAM) as probe:
                probe.bind((own[0], 0, *own[2:]))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
        return True

    def send_now(self, data: bytes | memoryview, /) -> int:
        """Send what the kernel takes without waiting, and return how much that was.

        Raises trio.BrokenResourceError or ClosedResourceError.
        """
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._fault(error) from error

    async def send_all(self, data: bytes, /) -> None:
        """Send everything; raises trio.BrokenResourceError or ClosedResourceError."""
        await trio.lowlevel.checkpoint_if_cancelled()
        rest = memoryview(data)[self.send_now(data) :]
        while rest:
            await self._until(trio.lowlevel.wait_writable)
            rest = rest[self.send_now(rest) :]

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return some bytes, or b"" at the end; raises as `send_all`."""
        # After a read that emptied the kernel's buffer there is nothing to be tried.
        if self._may_have_more:
            await trio.lowlevel.checkpoint()
        else:
            await self._until(trio.lowlevel.wait_readable)
        while True:
            try:
                data = self.socket.recv(max_bytes)
            except BlockingIOError:
                await self._until(trio.lowlevel.wait_readable)
                continue
            except OSError as error:
                raise self._fault(error) from error
            self._may_have_more = len(data) == max_bytes
            return data

    async def aclose(self) -> None:
        """Close at once; waiting readers and writers get trio.ClosedResourceError."""
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            with suppress(OSError):
                self.socket.close()
        await trio.lowlevel.checkpoint()

    async def _until(self, ready: Callable[[socket.socket], Awaitable[None]]) -> None:
        if self.socket.fileno() < 0:
            raise trio.ClosedResourceError("this stream is closed")
        await ready(self.socket)

    def _fault(self, error: OSError) -> Exception:
        if self.socket.fileno() < 0:
            return trio.ClosedResourceError("this stream is closed")
        return trio.BrokenResourceError(error.strerror or "the connection broke")

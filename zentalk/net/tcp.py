"""TCP, without delays for coalescing: links already send whole drains.

Trio sets TCP_NODELAY on every stream it makes. Where the kernel can, a connection that
meets silence goes on trying every few seconds, so that it is back soon after the line is.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import trio

from zentalk.errors import ConnectFailedError
from zentalk.net.tcp_stream import TcpStream
from zentalk.net.transport import CONNECT_SECONDS, Handler, run_guarded

BACKLOG: Final = 512
"""Connections the kernel keeps for us while we are busy; the default of 128 drops bursts."""


RETRANSMIT_MILLISECONDS = 3_000
"""The most time between two tries to send the same bytes. A kernel doubles it up to two minutes: a
line that was dead for 30 s would then stay so for 20 s more."""
_TCP_RTO_MAX_MS: Final = 44
"""Linux 6.15; Python has no name for it yet."""


class TcpListener:
    """One port on one or more addresses of a host."""

    def __init__(self, listeners: Sequence[trio.SocketListener]) -> None:
        self._listeners = list(listeners)
        self._port = int(self._listeners[0].socket.getsockname()[1])

    @property
    def port(self) -> int:
        """The port, also when 0 was asked for."""
        return self._port

    async def serve(self, handler: Handler) -> None:
        """Run `handler` for each stream, until closed or cancelled."""

        async def handle(stream: trio.SocketStream) -> None:
            _retransmit_often(stream)
            taken = TcpStream.take(stream)
            await run_guarded(handler, taken, taken.peer_host)

        try:
            await trio.serve_listeners(handle, self._listeners)
        except* trio.ClosedResourceError:
            pass  # aclose() was called

    async def aclose(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            await listener.aclose()


class TcpNetwork:
    """Dials and listens over TCP."""

    async def dial(self, host: str, port: int) -> TcpStream:
        """Connect within 10 s; raises ConnectFailedError."""
        target = f"{host}:{port}"
        try:
            with trio.fail_after(CONNECT_SECONDS):
                stream = await trio.open_tcp_stream(host.strip("[]"), port)
        except trio.TooSlowError:
            raise ConnectFailedError(target, "no answer") from None
        except OSError as error:
            raise ConnectFailedError(target, _reason(error)) from None
        except UnicodeError:
            # Hosts come from others' descriptors; this one has no form that a resolver takes.
            raise ConnectFailedError(target, "it is not a host name") from None
        _retransmit_often(stream)
        return TcpStream.take(stream)

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of a host, in the system's order; raises OSError or UnicodeError."""
        found = await trio.socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
        return [str(place[4][0]) for place in found]

    async def listen(self, host: str, port: int) -> TcpListener:
        """Bind a port, 0 for any; raises OSError if it is taken."""
        listeners = await trio.open_tcp_listeners(port, host=host.strip("[]"), backlog=BACKLOG)
        if port == 0:
            # Every address would get another port; one is what a descriptor can name.
            for extra in listeners[1:]:
                await extra.aclose()
            listeners = listeners[:1]
        return TcpListener(listeners)


def _reason(error: OSError) -> str:
    """Return what the system calls the fault; where several addresses were tried, the first's."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, OSError) and cause.errno is not None:
        return os.strerror(cause.errno)
    return error.strerror or str(error)


def _retransmit_often(stream: trio.SocketStream) -> None:
    """Set the longest pause of retransmission, on kernels that have it."""
    if sys.platform == "linux":
        with suppress(OSError):  # an older kernel, or a connection that has ended already
            stream.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, RETRANSMIT_MILLISECONDS)

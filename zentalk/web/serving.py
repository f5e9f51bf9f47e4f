"""An ASGI application on a socket, in the caller's nursery.

The server logs nothing of its own: a request's path may hold an address. One connection can
end itself only, whatever bug it makes us stumble over.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import trio
from starlette.types import ASGIApp

from zentalk.errors import ConfigError
from zentalk.logs import quiet_logger
from zentalk.net.crash_isolation import contained
from zentalk.web.connection import HttpConnection
from zentalk.web.exchange import Address
from zentalk.web.peer import Peer
from zentalk.web.server_state import ServerState
from zentalk.web.slots import ConnectionLimits, ConnectionPlace, ConnectionSlots

GRACEFUL_SECONDS: Final = 2.0
"""The time for answers that are under way when the server ends; beyond it they are cut."""
_BACKLOG: Final = 128
_ACCEPT_PAUSE_SECONDS: Final = 0.1
"""The pause before accepting is tried again where the system has no descriptor or memory for it."""
_LOG: Final = quiet_logger("zentalk.web")


class HttpServer:
    """Serves `app` on sockets of one program. `run` accepts until `stopping`.

    `make_peer` says what is between a socket and HTTP: nothing, or TLS.

    The application gets no `lifespan` scope: the nursery around a server does what there is to do.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - a constant
        make_peer: Callable[[socket.socket], Peer] = Peer,
    ) -> None:
        self._app = app
        self._make_peer = make_peer
        self._slots = ConnectionSlots(limits)
        self._state = ServerState(trio.current_time)
        self._open: set[HttpConnection] = set()

    async def run(
        self,
        listening: socket.socket,
        stopping: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve a listening socket until `stopping`, then finish what was begun."""
        with listening:
            listening.setblocking(False)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    accepting.start_soon(self._accept, listening, connections)
                    task_status.started()
                    await stopping.wait()
                    accepting.cancel_scope.cancel()
                listening.close()
                self._state.draining = True
                for connection in list(self._open):
                    connection.stop_if_idle()
                connections.cancel_scope.deadline = trio.current_time() + GRACEFUL_SECONDS

    async def _accept(self, listening: socket.socket, connections: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.wait_readable(listening)
            try:
                sock, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # It left before it was accepted.
            except OSError:
                await trio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            connections.start_soon(self._serve, sock, address)

    async def _serve(self, sock: socket.socket, address: Any) -> None:
        with sock, contained(_LOG, "http_connection_ended_by_a_bug"), suppress(OSError):
            client = _host_and_port(address)
            place = self._slots.take(client[0])
            if place is None:
                return
            try:
                sock.setblocking(False)
                addresses = client, _host_and_port(sock.getsockname())
                await self._converse(self._make_peer(sock), addresses, place)
            finally:
                place.leave()

    async def _converse(
        self, peer: Peer, addresses: tuple[Address, Address], place: ConnectionPlace
    ) -> None:
        connection = HttpConnection(self._app, self._state, peer, addresses, place)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises ConfigError if it cannot be had."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        listening = socket.create_server((name, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {reason}; stop what uses it or choose another port"
        ) from None
    with suppress(OSError):
        # Accepted connections inherit it: answers are small and must not wait for an ack.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _host_and_port(address: Any) -> Address:
    """Return the part of a socket's address that IPv4 and IPv6 have in common."""
    return str(address[0]), int(address[1])

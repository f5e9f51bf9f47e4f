"""An ASGI application on a socket, in the caller's nursery.

The server logs nothing of its own: a request's path may hold an address. One connection can
end itself only, whatever it makes us stumble over.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, NamedTuple

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.utils import parse_socket_addr
from starlette.types import ASGIApp

from zentalk.errors import ConfigError
from zentalk.net.crash_isolation import contained
from zentalk.web.connection import HttpConnection

GRACEFUL_SECONDS: Final = 2.0
_BACKLOG: Final = 128
_NO_REQUEST_LIMIT: Final = 2**62
_LOG: Final = structlog.get_logger("zentalk.web")


class Places(NamedTuple):
    """How many connections there may be: in all, and from one address that is not loopback."""

    in_all: int = 256
    per_source: int = 32


class HttpServer:
    """Serves `app` on sockets of one program. `run` accepts until `stopping`."""

    def __init__(self, app: ASGIApp, places: Places = Places()) -> None:  # noqa: B008 - a constant
        self._app = ASGIWrapper(app)  # type: ignore[arg-type]  # Hypercorn names the types anew
        self._places = places
        self._context = WorkerContext(None)
        self._config = _config()
        self._open: set[HttpConnection] = set()
        self._sources: Counter[str] = Counter()

    async def run(
        self,
        listening: socket.socket,
        stopping: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve a listening socket until `stopping`, then finish what was begun."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(
                    partial(
                        trio.serve_listeners,
                        self._serve,
                        [listener],
                        handler_nursery=connections,
                    )
                )
                task_status.started()
                await stopping.wait()
                accepting.cancel_scope.cancel()
            await self._context.terminated.set()
            for connection in list(self._open):
                connection.stop_if_idle()
            connections.cancel_scope.deadline = trio.current_time() + GRACEFUL_SECONDS

    async def _serve(self, stream: trio.SocketStream) -> None:
        with contained(_LOG, "http_connection_ended_by_a_bug"), suppress(OSError):
            places = _places_of(stream.socket)
            with self._seat(places[0][0]) as seated:
                if not seated:
                    await trio.aclose_forcefully(stream)
                    return
                connection = HttpConnection(self._app, self._config, self._context, stream, places)
                self._open.add(connection)
                try:
                    await connection.run()
                finally:
                    self._open.discard(connection)

    @contextmanager
    def _seat(self, host: str) -> Iterator[bool]:
        """Count a connection; False if there is no place for it."""
        source = source_of(host)
        limited = not is_loopback(host)
        if self._sources.total() >= self._places.in_all or (
            limited and self._sources[source] >= self._places.per_source
        ):
            yield False
            return
        self._sources[source] += 1
        try:
            yield True
        finally:
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises ConfigError if it cannot be had."""
    place = host.strip("[]")
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    try:
        listening = socket.create_server((place, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {reason}; stop what uses it or choose another port"
        ) from None
    with suppress(OSError):
        # Accepted connections inherit it: answers are small and must not wait for an ack.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def is_loopback(host: str) -> bool:
    """Say whether an address is of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def source_of(host: str) -> str:
    """Return what counts as one source: an address, of IPv6 its /64, as who has one has all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    length = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network((address, length), strict=False))


def _places_of(connected: trio.socket.SocketType) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return where a connection comes from and where it came to."""
    client = parse_socket_addr(connected.family, connected.getpeername())
    server = parse_socket_addr(connected.family, connected.getsockname())
    return client or ("", 0), server or ("", 0)


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = _NO_REQUEST_LIMIT
    return config

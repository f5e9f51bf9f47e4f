"""An ASGI application on a socket: Hypercorn on trio, in the caller's nursery.

The server logs nothing of its own: a request's path may hold an address.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_http

from zentalk.errors import ConfigError

GRACEFUL_SECONDS: Final = 2.0
_BACKLOG: Final = 128
_KEEP_ALIVE_SECONDS: Final = 75
_NO_REQUEST_LIMIT: Final = 2**62


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


async def serve_socket(
    app: object,
    listening: socket.socket,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stopping`, then finish what was begun."""
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.graceful_timeout = GRACEFUL_SECONDS
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = _NO_REQUEST_LIMIT
    await serve_http(
        app,  # type: ignore[arg-type]  # Hypercorn has its own names for the ASGI types
        config,
        shutdown_trigger=stopping.wait,
        task_status=task_status,
        mode="asgi",
    )

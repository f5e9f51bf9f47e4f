"""REST on a socket: Hypercorn on trio, in the caller's nursery, beside the node.

The server logs nothing of its own: a request's path holds an address. While it serves, the
file `run.json` in the node's folder says where, for the command line.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_http

from zentalk.api.address_file import forget_url, note_url
from zentalk.api.app import create_app
from zentalk.api.facade import NodeFacade
from zentalk.config import ApiSettings
from zentalk.errors import ConfigError

GRACEFUL_SECONDS: Final = 2.0
_BACKLOG: Final = 128
_KEEP_ALIVE_SECONDS: Final = 75
_NO_REQUEST_LIMIT: Final = 2**62


async def serve(
    node: NodeFacade,
    settings: ApiSettings,
    token: str,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve REST until `stopping`, then finish what was begun; `started` gets the URL.

    Raises ConfigError if the port cannot be had.
    """
    listening = bind(settings.host, settings.port)
    url = f"http://{settings.host}:{listening.getsockname()[1]}"
    app = create_app(
        node,
        token,
        stopping,
        name=settings.name,
        hosts={settings.host, *settings.allowed_hosts},
    )
    note_url(settings.directory, url, os.getpid())
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(_serve_socket, app, listening, stopping)
            task_status.started(url)
    finally:
        forget_url(settings.directory)


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


async def _serve_socket(
    app: object,
    listening: socket.socket,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[list[str]],
) -> None:
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

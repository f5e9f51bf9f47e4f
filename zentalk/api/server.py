"""REST on a socket: in the caller's nursery, beside the node.

The server logs nothing of its own: a request's path holds an address. While it serves, the
file `run.json` in the node's folder says where, for the command line.
"""

from __future__ import annotations

import os

import trio

from zentalk.api.app import create_app
from zentalk.api.facade import NodeFacade
from zentalk.api.rate_limit import RateLimit
from zentalk.config import ApiSettings
from zentalk.web.address_file import forget_url, note_url
from zentalk.web.serving import HttpServer, bind
from zentalk.web.slots import ConnectionLimits


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
        limit=RateLimit(settings.request_burst, settings.requests_per_second, trio.current_time),
    )
    note_url(settings.directory, url, os.getpid())
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                HttpServer(app, ConnectionLimits(in_all=1024)).run, listening, stopping
            )
            task_status.started(url)
    finally:
        forget_url(settings.directory)

"""REST on a real node with no network, under the HTTP server that is asked for, as a process.

Started with a folder and a word, it prints `ready PORT`. `ours` and `hypercorn` serve REST;
`fastapi` serves a FastAPI application of one route, and `bare` no application to speak of, both
under our server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from zentalk.api.app import create_app
from zentalk.api.rate_limit import RateLimit
from zentalk.config import ApiSettings
from zentalk.net.runtime import Runtime
from zentalk.net.tcp import TcpNetwork
from zentalk.node.node import Node
from zentalk.store.key_file import load_or_create_identity
from zentalk.web.serving import HttpServer, bind

TOKEN = "t" * 43
ENOUGH = 10**9
"""Requests a second: counted, and never too many."""
HEADERS = [(b"content-type", b"application/json")]


async def ours(app: ASGIApp) -> None:
    listening = bind("127.0.0.1", 0)
    say_ready(listening.getsockname()[1])
    await HttpServer(app).run(listening, trio.Event())


async def hypercorn(app: ASGIApp) -> None:
    """Serve as zentalk did before: no access log, no server header, connections without end."""
    from hypercorn.config import Config  # noqa: PLC0415 - only where it is installed
    from hypercorn.trio import serve  # noqa: PLC0415

    config = Config()
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = 2**62
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    config.bind = [f"127.0.0.1:{port}"]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, config)
        say_ready(port)


def say_ready(port: int) -> None:
    print(f"ready {port}", flush=True)


async def serve_rest(folder: Path, server: Callable[[ASGIApp], Awaitable[None]]) -> None:
    load_or_create_identity(folder, os.urandom)
    node = Node(ApiSettings(directory=folder, port=0), Runtime.real(), TcpNetwork())
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        limit = RateLimit(ENOUGH, ENOUGH, trio.current_time)
        await server(create_app(node, TOKEN, trio.Event(), limit=limit))


def one_route() -> ASGIApp:
    """Return what one writes after reading the first page of FastAPI's tutorial."""
    app = FastAPI()

    @app.get("/v1/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


async def bare(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer all requests alike."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b'{"status":"ok"}'})


async def main(folder: Path, what: str) -> None:
    if what == "fastapi":
        await ours(one_route())
    elif what == "bare":
        await ours(bare)
    else:
        await serve_rest(folder, {"ours": ours, "hypercorn": hypercorn}[what])


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2])

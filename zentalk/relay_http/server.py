"""The door on a socket, beside a running relay."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import trio

from zentalk.config import RelaySettings
from zentalk.net.runtime import Runtime
from zentalk.relay.relay import Relay
from zentalk.relay.shown import groups
from zentalk.relay.status import read_status
from zentalk.relay_http.app import create_app
from zentalk.relay_http.door import Door
from zentalk.relay_http.facade import RelayFacade
from zentalk.relay_http.link_socket import LinkSocket
from zentalk.relay_http.sessions import HttpSessions
from zentalk.relay_http.status_page import StatusPage
from zentalk.web.peer import Peer
from zentalk.web.serving import HttpServer, bind
from zentalk.web.slots import ConnectionLimits
from zentalk.web.tls import ServerCertificate
from zentalk.web.token import load_or_create_token

LIMITS: Final = ConnectionLimits(count_websockets=False, max_message_bytes=64 * 1024)
"""WebSockets are links, and the relay counts those."""


async def serve_door(
    relay: Relay,
    settings: RelaySettings,
    runtime: Runtime,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP until the relay stops; `started` gets the URL.

    The relay must be ready. Raises ConfigError if the port cannot be had or the operator's
    token cannot be read.
    """
    own = runtime.for_part("http")
    token = load_or_create_token(settings.directory, own.entropy)
    listening = bind(settings.http_host, settings.http_port)
    certificate = certificate_of(settings)
    scheme = "http" if certificate is None else "https"
    url = f"{scheme}://{settings.http_host}:{listening.getsockname()[1]}"
    wiring = relay.wiring
    sessions = HttpSessions(own, wiring.mailboxes)
    facade = RelayFacade(
        wiring.router,
        wiring.mailboxes,
        wiring.directory,
        is_draining=lambda: wiring.connections.draining,
        takes_strangers=lambda: wiring.doorkeeper.takes_strangers,
        status=partial(_status_page, own, settings.directory),
    )
    door = Door(
        own,
        relay.node_id,
        token,
        behind_proxy=settings.http_behind_proxy,
        ban=wiring.doorkeeper.ban,
    )
    links = LinkSocket(door, partial(wiring.connections.accept, 0))
    app = create_app(facade, door, sessions, links)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sessions.run)
        async with trio.open_nursery() as serving:
            server = HttpServer(app, LIMITS, Peer if certificate is None else certificate.peer)
            await serving.start(server.run, listening, relay.stopping)
            task_status.started(url)
        nursery.cancel_scope.cancel()


def certificate_of(settings: RelaySettings) -> ServerCertificate | None:
    """Return the certificate that HTTP has, None for HTTP without TLS; raises ConfigError."""
    if not settings.http_certificate:
        return None
    folder = settings.directory
    return ServerCertificate(folder / settings.http_certificate, folder / settings.http_key)


async def _status_page(runtime: Runtime, directory: Path) -> StatusPage:
    """Return what `zentalk relay status` prints."""
    status = await runtime.run_blocking(partial(read_status, directory))
    return StatusPage(status.state, groups(status), tuple(status.warnings), status.uri)

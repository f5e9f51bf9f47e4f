"""Relays with an HTTP door, in memory, and owners who poll through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import trio
from starlette.types import ASGIApp

from tests.relay.harness import Running, World
from zentalk.client.relay_answers import Waiting
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import SendId
from zentalk.relay_http.app import create_app
from zentalk.relay_http.door import Door
from zentalk.relay_http.facade import RelayFacade
from zentalk.relay_http.link_socket import LinkSocket
from zentalk.relay_http.sessions import HttpSessions
from zentalk.relay_http.status_page import StatusPage

OPERATOR = "operator-token"
KEY = SigningKey(b"k" * 32)
SEND_ID = SendId(b"s" * 16)
STRANGER = ("192.0.2.1", 1234)


@dataclass
class OpenDoor:
    """One relay's door."""

    running: Running
    app: ASGIApp
    door: Door
    sessions: HttpSessions
    wall: Callable[[], float]

    def http(self, client: tuple[str, int] = ("127.0.0.1", 1)) -> httpx.AsyncClient:
        """Return a client that speaks to the application, from an address."""
        return http_to(self.app, client)

    def owner(self, generation: int = 1, key: SigningKey = KEY) -> RelayMailbox:
        """Return an owner who polls here."""
        return self.owner_from(self.http(), generation, key)

    def owner_from(
        self, http: httpx.AsyncClient, generation: int = 1, key: SigningKey = KEY
    ) -> RelayMailbox:
        """Return an owner who polls over some client."""
        return RelayMailbox(http, self.running.node_id, key, generation, self.wall)


def http_to(app: ASGIApp, client: tuple[str, int] = ("127.0.0.1", 1)) -> httpx.AsyncClient:
    """Return an HTTP client of an application."""
    transport = httpx.ASGITransport(app=app, client=client, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://relay")


async def status() -> StatusPage:
    """Show what no relay would say, to see what becomes of it."""
    warning = "<script>alert(1)</script> & more"
    return StatusPage("running", {"links": {"connections": "12 links"}}, (warning,), "zt-relay:x")


async def open_door(world: World, running: Running) -> OpenDoor:
    """Put a door before a relay that runs."""
    runtime = world.runtime.for_part(f"http {running.uri.host}")
    wiring = running.relay.wiring
    door = Door(runtime, running.node_id, OPERATOR, ban=wiring.doorkeeper.ban)
    sessions = HttpSessions(runtime, wiring.mailboxes)
    world.nursery.start_soon(sessions.run)
    facade = RelayFacade(
        wiring.router,
        wiring.mailboxes,
        wiring.directory,
        is_draining=lambda: wiring.connections.draining,
        takes_strangers=lambda: wiring.doorkeeper.takes_strangers,
        status=status,
    )
    links = LinkSocket(door, partial(wiring.connections.accept, 0))
    app = create_app(facade, door, sessions, links)
    return OpenDoor(running, app, door, sessions, world.runtime.wall)


@asynccontextmanager
async def doors(root: Path, *names: str) -> AsyncIterator[tuple[World, list[OpenDoor]]]:
    """Run relays that know each other, each with a door."""
    async with trio.open_nursery() as nursery:
        world = World(root, nursery)
        running = await world.start_all(*names, queue_ttl_seconds=7200)
        yield world, [await open_door(world, item) for item in running]
        nursery.cancel_scope.cancel()


async def send(
    world: World,
    entry: OpenDoor,
    path: list[str],
    text: bytes,
    send_id: SendId = SEND_ID,
    ttl_seconds: int = 3600,
) -> None:
    """Send a deposit over a path whose first relay is reached over HTTP."""
    packet = world.deposit(world.hops(*path), send_id, text, ttl_seconds=ttl_seconds)
    answer = await entry.http().post("/relay/send", content=packet)
    assert answer.status_code == 202


def texts(waiting: list[Waiting]) -> list[bytes]:
    """Return what envelopes of the harness hold."""
    return [item.envelope.rstrip(b"\0") for item in waiting]

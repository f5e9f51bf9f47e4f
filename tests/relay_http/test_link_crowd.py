"""K18, K43 over HTTP: idle WebSockets take from others no more than idle connections do."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import World, snapshot, world
from tests.relay_http.harness import OpenDoor, open_door
from tests.relay_http.websockets import AsgiStream, link_by_websocket
from zentalk.errors import LINK_FAULTS
from zentalk.relay.links.admission import Admission
from zentalk.relay.links.handshakes import HandshakeTurns

MEMORY = 16 * 2**20
"""The least that settings allow: half of it is a budget of 256 connections."""
HOSTS = 16
WEBSOCKETS = 1000


async def idle_websockets(net: World, door: OpenDoor, nursery: trio.Nursery, count: int) -> None:
    """Let 16 addresses open links and say nothing more."""
    for number in range(count):
        host = f"60.{number % HOSTS}.7.9"
        try:
            await link_by_websocket(net, door.app, door.running, host, nursery)
        except LINK_FAULTS:
            continue


async def gets_in(net: World, door: OpenDoor, host: str, nursery: trio.Nursery) -> bool:
    try:
        link = await link_by_websocket(net, door.app, door.running, host, nursery)
        return len(await snapshot(link)) == 1
    except LINK_FAULTS:
        return False


@pytest.fixture
def quick_handshakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the crowd be there at once: its handshakes would take some minutes."""
    monkeypatch.setattr(HandshakeTurns, "wait_seconds", lambda *_: 0.0)


@pytest.mark.usefixtures("quick_handshakes")
async def test_k43_a_thousand_idle_websockets_of_sixteen_addresses_keep_nobody_out(
    autojump_clock: MockClock, tmp_path: Path, nursery: trio.Nursery
) -> None:
    async with world(tmp_path, network_id="main") as net:
        [r1] = await net.start_all("r1", memory_bytes=MEMORY)
        door = await open_door(net, r1)
        there = await link_by_websocket(net, door.app, r1, "203.0.113.250", nursery)
        await idle_websockets(net, door, nursery, WEBSOCKETS)
        refused = r1.relay.stats().refused
        in_vain = refused.get("evicted", 0) + refused.get("memory", 0)
        assert in_vain > WEBSOCKETS // 2, "they took what there is"
        for number in range(5):
            assert await gets_in(net, door, f"203.0.113.{number}", nursery)
        assert len(await snapshot(there)) == 1, "who was there before is there still"
        assert r1.relay.stats().memory_bytes <= MEMORY
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("quick_handshakes")
async def test_k43_control_if_nobody_gave_way_they_would(
    autojump_clock: MockClock,
    tmp_path: Path,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Admission, "_evict", lambda *_: False)
    async with world(tmp_path, network_id="main") as net:
        [r1] = await net.start_all("r1", memory_bytes=MEMORY)
        door = await open_door(net, r1)
        await idle_websockets(net, door, nursery, 300)
        assert not await gets_in(net, door, "203.0.113.1", nursery)
        nursery.cancel_scope.cancel()


async def test_k18_who_opens_a_websocket_and_says_nothing_is_cut_off(
    autojump_clock: MockClock, tmp_path: Path, nursery: trio.Nursery
) -> None:
    async with world(tmp_path, network_id="main") as net:
        [r1] = await net.start_all("r1")
        door = await open_door(net, r1)
        silent = AsgiStream()
        began = trio.current_time()
        await silent.run(door.app, "60.1.7.9")
        assert trio.current_time() - began <= 10
        assert r1.relay.stats().refused["handshake"] == 1
        nursery.cancel_scope.cancel()

"""Many large messages at once: they leave as fast as the line takes them."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.net.connection import Connection
from zentalk.node.packets.sender import PacketSender

pytestmark = pytest.mark.e2e

COUNT = 40
LARGE = "x" * 20_000


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """Count packets that links took, and those that they refused."""
    found: Counter[bool] = Counter()

    def send_packet(self: Connection, packet: bytes) -> bool:
        taken = send(self, packet)
        found[taken] += 1
        return taken

    send = Connection.send_packet
    monkeypatch.setattr(Connection, "send_packet", send_packet)
    return found


async def seconds_for_all(world: World) -> float:
    await world.relay_net(10)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    began = trio.current_time()
    sent = [await world.send("alice", "bob", f"{number} {LARGE}") for number in range(COUNT)]
    for message in sent:
        await world.until_state("alice", message, "delivered")
    return trio.current_time() - began


async def test_few_packets_are_made_that_a_full_link_refuses(
    world: World, offered: Counter[bool], autojump_clock: Clock
) -> None:
    await seconds_for_all(world)
    assert offered[False] <= COUNT // 4


async def test_control_without_a_look_many_are(
    world: World,
    offered: Counter[bool],
    autojump_clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PacketSender, "has_room", lambda *_: True)
    await seconds_for_all(world)
    assert offered[False] > COUNT

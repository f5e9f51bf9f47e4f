"""A phone of somebody in a whole network: woken once for what it misses, over a crash too."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from tests.node.notify.push_server import PushServer
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.node.notify.push import PushWish
from zentalk.node.notify.schedule import Answer

pytestmark = pytest.mark.e2e
HOST = "https://push.example"


async def test_a_phone_is_woken_for_messages_and_told_nothing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PushServer(host=HOST)

    async def post(
        _poster: HttpPoster, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        return await server.post(url, headers, body)

    monkeypatch.setattr(HttpPoster, "post", post)
    await world.relay_net(3)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    bob = world.nodes["bob"]
    entry, _ = await bob.devices.add("phone")
    phone, device = server.subscribe(), entry.device_id.hex()
    keys = phone.public()
    await bob.push.register(PushWish(device, f"{HOST}/up1", keys["p256dh"], keys["auth"]))

    async def told(texts: list[str]) -> None:
        for text in texts:
            sent = await world.send("alice", "bob", text)
            await world.until_state("alice", sent, "delivered")
        await trio.sleep(60)

    bob.attendance.began(device)
    await told(["while it looks"])
    assert phone.taken == []
    await bob.mark_read(world.nodes["alice"].address)
    bob.attendance.ended(device)
    bob.attendance.began(device)
    bob.attendance.ended(device)
    await told(["one", "two", "three"])
    assert [opened for _, opened in phone.taken] == [b""]
    await world.crash("bob")
    await world.person("bob")
    await told(["four"])
    assert len(phone.taken) == 1, "not before it has been here"
    bob = world.nodes["bob"]
    bob.attendance.began(device)
    bob.attendance.ended(device)
    await told(["five"])
    assert len(phone.taken) == 2
    shapes = {(path, tuple(headers), len(body)) for _, path, headers, body in server.requests}
    assert len(shapes) == 1

"""A webhook of a person's node in a whole network: away for a while, and over a crash."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.notify.outgoing import HttpPoster
from zentalk.node.notify.schedule import Answer
from zentalk.store.history.event_filter import EventFilter

pytestmark = pytest.mark.e2e
RECEIVED = EventFilter(("message.received",))


async def test_messages_reach_a_program_that_was_away_in_order_and_without_their_texts(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    is_there = False

    async def post(
        _poster: HttpPoster, _url: str, _headers: Mapping[str, str], body: bytes
    ) -> Answer:
        await trio.lowlevel.checkpoint()
        if is_there:
            bodies.append(body)
        return Answer(200) if is_there else Answer(0, "nothing answers there")

    monkeypatch.setattr(HttpPoster, "post", post)
    await world.relay_net(3)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    await world.nodes["bob"].webhooks.add("http://127.0.0.1:9/", RECEIVED, "ids")
    texts = [f"text {number}" for number in range(4)]
    for text in texts:
        sent = await world.send("alice", "bob", text)
        await world.until_state("alice", sent, "delivered")
    await trio.sleep(600)
    assert bodies == []
    await world.crash("bob")
    is_there = True
    await world.person("bob")
    await trio.sleep(900)
    messages = await world.nodes["bob"].messages(world.nodes["alice"].address)
    assert [message.text for message in messages] == texts
    told = [json.loads(body) for body in bodies]
    assert [each["ids"]["id"] for each in told] == [message.id for message in messages]
    assert all(b"text" not in body for body in bodies)

"""When a confirmation leaves, and what that tells the contact who gets it (K20)."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.network import NodeNetwork
from zentalk.node.profiles import PROFILES

pytestmark = pytest.mark.e2e

MESSAGES = 40


async def waits(world: World, monkeypatch: pytest.MonkeyPatch, profile: str) -> list[float]:
    """Let Bob confirm; return how long after a message's arrival each confirmation left."""
    arrived: list[float] = []
    left: list[float] = []
    push, send = Collector._push_received, NodeNetwork.send
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob", profile=profile)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")
    await trio.sleep(60)

    def watched_push(collector: Collector, pushed: Any) -> None:
        if collector._network is world.nodes["bob"]._network:
            arrived.append(trio.current_time())
        push(collector, pushed)

    def watched_send(network: NodeNetwork, *arguments: Any, **more: Any) -> Any:
        if network is world.nodes["bob"]._network:
            left.append(trio.current_time())
        return send(network, *arguments, **more)

    monkeypatch.setattr(Collector, "_push_received", watched_push)
    monkeypatch.setattr(NodeNetwork, "send", watched_send)
    found = []
    for number in range(MESSAGES):
        arrived.clear()
        left.clear()
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")
        found.append(left[0] - arrived[0])
        await trio.sleep(10)
    return found


async def test_k20_a_confirmation_waits_for_a_time_that_the_profile_draws(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await waits(world, monkeypatch, "balanced")
    mean = PROFILES["balanced"].confirmation_seconds
    assert len({round(wait, 3) for wait in found}) > MESSAGES * 0.9
    assert mean / 2 < statistics.mean(found) < 2 * mean
    assert statistics.stdev(found) > mean / 3


async def test_k20_control_in_profile_fast_it_tells_to_the_millisecond_when_mail_came(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PROFILES["fast"].confirmation_seconds == 0
    assert max(await waits(world, monkeypatch, "fast")) < 0.001


async def test_k20_a_stranger_is_confirmed_nothing_before_the_owner_accepts(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    send = NodeNetwork.send

    def watched(network: NodeNetwork, *arguments: Any, **more: Any) -> Any:
        if network is world.nodes["bob"]._network:
            sent.append(trio.current_time())
        return send(network, *arguments, **more)

    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob", profile="balanced")
    monkeypatch.setattr(NodeNetwork, "send", watched)
    message = await world.send("alice", "bob", "who are you?")
    await world.until_state("alice", message, "sent")
    await trio.sleep(600)
    assert sent == []
    await world.nodes["bob"].add_contact(world.nodes["alice"].address, "Alice")
    await world.until_state("alice", message, "delivered")
    assert sent

"""Relays that crash and come back are no black holes, and what makes that so (K37)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.snapshot import refresher
from zentalk.node.snapshot.refresher import SnapshotRefresher
from zentalk.relay.keys import rotation
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e


async def restart_all_relays(world: World, delivered_within_seconds: float) -> list[StoredMessage]:
    """Every path uses every relay, all lose their mix keys at once; what is still not there?"""
    await world.relay_net(3)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    sent = [await world.send("alice", "bob", "before")]
    await world.until_state("alice", sent[0], "delivered")
    for relay in list(world.relays):
        await world.crash(relay)
    for relay in list(world.relays):
        await world.relay(relay)
    for number in range(5):
        sent.append(await world.send("alice", "bob", f"{number}"))
        await trio.sleep(0.5)
    await trio.sleep(delivered_within_seconds)
    page = [await world.nodes["alice"].message(message.id) for message in sent]
    return [message for message in page if message.state != "delivered"]


def undecryptable(world: World) -> int:
    return sum(r.stats().refused.get("undecryptable", 0) for r in world.relays.values())


async def test_k37_relays_with_new_keys_are_used_again_without_a_manual_step(
    world: World, autojump_clock: Clock
) -> None:
    assert await restart_all_relays(world, 90) == []
    assert await world.inbox("bob", "alice") == ["before", *map(str, range(5))]
    assert {relay.stats().boot for relay in world.relays.values()} == {2}


async def test_k37_control_without_a_refresh_of_the_snapshot_packets_go_on_being_lost(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SnapshotRefresher, "refresh_soon", lambda self, **_: None)
    monkeypatch.setattr(refresher, "REFRESH_SECONDS", 1e6)
    assert len(await restart_all_relays(world, 300)) == 5
    assert undecryptable(world) > 20


async def test_k37_control_without_a_boot_counter_a_restart_looks_like_cheating(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other keys under the same number are a contradiction: the relay is shut out for good."""
    monkeypatch.setattr(rotation, "_next_boot", lambda directory, above: 1)
    assert len(await restart_all_relays(world, 300)) == 5
    directories = [r._wiring.directory for r in world.relays.values() if r._wiring is not None]
    ids = [relay.node_id for relay in world.relays.values()]
    assert any(one.descriptors.is_excluded(node_id) for one in directories for node_id in ids)

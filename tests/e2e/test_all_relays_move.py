"""All relays that a node knows have new addresses, and only its settings say where (R1)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.snapshot import sources
from zentalk.node.snapshot.sources import ALONE_SECONDS

pytestmark = pytest.mark.e2e

NAMES = [f"r{number}" for number in range(1, 6)]
NEW_PORT = 9_100
SAVED_SECONDS = 60.0
"""Within this time a node has written its guards down: one that knows none asks bootstraps."""


async def everything_moves(world: World) -> None:
    """Let people meet; then give all relays other ports, and every config the new bootstraps."""
    await world.relay_net(len(NAMES))
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    await world.send("alice", "bob", "before")
    await world.until_inbox("bob", "alice", ["before"])
    await trio.sleep(SAVED_SECONDS)
    for name in ("alice", "bob", *NAMES):
        await world.crash(name)
    world.uris.clear()
    for name in NAMES:
        await world.relay(name, port=NEW_PORT)
    for name in ("alice", "bob"):
        await world.person(name, ready=False)


async def test_a_node_that_reaches_no_guard_asks_the_bootstraps_and_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await everything_moves(world)
    alice = world.nodes["alice"]
    await trio.sleep(ALONE_SECONDS / 2)
    [note] = [note for note in alice.status().notes if "`bootstraps`" in note]
    assert "no entry relay answers" in note
    await world.until(lambda: all(node.status().ready for node in world.nodes.values()))
    assert not [note for note in alice.status().notes if "no entry relay" in note]
    await world.send("alice", "bob", "after")
    await world.until_inbox("bob", "alice", ["before", "after"])


async def test_control_bootstraps_that_are_never_asked_again_leave_it_outside(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until what is known of the relays expires, an hour or two later."""
    monkeypatch.setattr(sources, "ALONE_SECONDS", 1e9)
    await everything_moves(world)
    await trio.sleep(3 * ALONE_SECONDS)
    assert not any(node.status().ready for node in world.nodes.values())

"""K35 over a whole network: mailbox relays that put together which relays their mail came from.

What arrives says nothing but the relay before the end. The hop there is drawn from all relays, so
that what several ends have seen fits to no sender better than to another (K48 draws many more
paths, by the same code and without a network). Both people enter by the same two relays, where
neither has a mailbox: what a guard sees that is the end of its own client's path is told there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.spies import Spy
from tests.e2e.world import World
from tests.node.packets.recognition import Counts, unevenness
from zentalk.ids import NodeId
from zentalk.onion.packet import DEPOSIT

pytestmark = pytest.mark.e2e

RELAYS = 12
ROUNDS = 4
AT_ONCE = 40
ENOUGH = 40
"""Deposits at one relay, of which a comparison says something."""
SIGMAS = 3.0


async def merged(world: World, spy: Spy, **settings: Any) -> list[Counts]:
    """Let two write to each other; return how often each relay was before each busy end."""
    await world.relay_net(RELAYS)
    guards = (world.uris["r1"], world.uris["r2"])
    for name in ("alice", "bob"):
        await world.person(name, guards=guards, **settings)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(sender, reader, "hello")
        await world.until_state(sender, message, "delivered")
    spy.forget()
    for turn in range(ROUNDS):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            sent = [await world.send(sender, reader, f"{turn} {n}") for n in range(AT_ONCE)]
            await world.until_state(sender, sent[-1], "delivered")
    before: dict[NodeId, Counter[NodeId]] = defaultdict(Counter)
    for way in spy.paths:
        if way[-1].service == DEPOSIT and len(way) > 1:
            before[way[-1].relay][way[-2].relay] += 1
    ids = [relay.node_id for relay in world.relays.values()]
    return [
        [seen[node_id] for node_id in ids if node_id != end]
        for end, seen in before.items()
        if seen.total() >= ENOUGH
    ]


async def test_k35_merged_records_of_previous_hops_are_those_of_chance(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = await merged(world, Spy().look(monkeypatch))
    assert len(counts) > 1
    assert all(all(seen) for seen in counts), "guards and mailbox relays are before the end too"
    assert abs(unevenness(counts)) < SIGMAS


async def test_k35_control_with_three_hops_they_show_whose_second_hops_these_are(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = await merged(world, Spy().look(monkeypatch), path_hops=3)
    assert not any(all(seen) for seen in counts)
    assert unevenness(counts) > 3 * SIGMAS

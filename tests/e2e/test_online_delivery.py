"""B14: what is written to somebody who is online is there after the time that its cables take.

How long programs take is measured by `python -m benchmarks peers`. Here computing takes no time, so
whatever is left is a wait: for a timer, a tick, a poll or another round trip.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World

pytestmark = pytest.mark.e2e

CABLE_SECONDS = 0.002
CABLES = 8
"""Four to the mailbox, and four of its owner's tunnel."""
LOOK_SECONDS = CABLE_SECONDS / 4


async def seconds_until_shown(
    world: World, messages: int, look_seconds: float, **settings: Any
) -> list[float]:
    """Return how long after it was written each message is in the reader's history."""
    await world.relay_net(6)
    await world.person("alice", **settings)
    await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        await world.until_state(sender, await world.send(sender, reader, "hello"), "delivered")
    for pair in combinations((*world.relays, "alice", "bob"), 2):
        world.memory.set_latency(*pair, CABLE_SECONDS)
    took = []
    for number in range(messages):
        await trio.sleep(30)
        began = trio.current_time()
        await world.send("alice", "bob", f"text {number}")
        while f"text {number}" not in await world.inbox("bob", "alice"):  # noqa: ASYNC110 - virtual
            await trio.sleep(look_seconds)
        took.append(trio.current_time() - began)
    return took


async def test_b14_it_takes_its_cables_and_waits_for_nothing(
    world: World, autojump_clock: Clock
) -> None:
    took = await seconds_until_shown(world, 10, LOOK_SECONDS)
    assert max(took) <= CABLES * CABLE_SECONDS + 2 * LOOK_SECONDS


async def test_b14_control_in_a_profile_with_ticks_it_waits_for_them(
    world: World, autojump_clock: Clock
) -> None:
    took = await seconds_until_shown(world, 3, 0.1, profile="strong")
    assert max(took) > 10 * CABLES * CABLE_SECONDS

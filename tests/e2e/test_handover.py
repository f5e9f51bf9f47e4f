"""A relay that joins takes over records that it has become responsible for, over real links."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import START_WALL, World
from zentalk.ids import Day, day_at
from zentalk.relay.directory.handover import LOOK_SECONDS, HandoverTask
from zentalk.store.directory_store import DirectoryStore

pytestmark = pytest.mark.e2e

TODAY = day_at(START_WALL)


async def join_after_bob_left(world: World) -> int:
    """Return how many records the newcomer has of somebody who was never there with it."""
    await world.relay_net(3)
    await world.person("bob")
    await trio.sleep(10)
    await world.crash("bob")
    await world.relay("r4")
    await trio.sleep(3 * LOOK_SECONDS)
    await world.crash("r4")
    store = DirectoryStore(world.folder / "r4")
    try:
        held = store.record_keys_after(b"", Day(0), 100)
    finally:
        store.close()
    return sum(day == TODAY for _, day, *_ in held)


async def test_a_relay_that_joins_is_handed_the_records_of_people_who_are_away(
    world: World, autojump_clock: Clock
) -> None:
    assert await join_after_bob_left(world) == 1


async def test_control_without_the_hand_over_it_has_nothing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_round(_self: HandoverTask) -> None:
        return

    monkeypatch.setattr(HandoverTask, "_round", no_round)
    assert await join_after_bob_left(world) == 0

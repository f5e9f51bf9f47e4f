"""K16: the clock of a person's computer jumps by a day while mail is under way, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.core import DeliveryCore
from zentalk.node.delivery.events import Command, ItemDue

pytestmark = pytest.mark.e2e


class Jumping(World):
    """A world in which wall clocks can be set, by name; what durations are never changes."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        super().__init__(folder, nursery)
        self.jumps: dict[str, float] = {}

    def _runtime(self, name: str) -> Runtime:
        runtime = super()._runtime(name)
        wall = runtime.wall
        return replace(runtime, wall=lambda: wall() + self.jumps.get(name, 0.0))


@pytest.fixture
async def jumping(tmp_path: Path) -> AsyncIterator[Jumping]:
    async with trio.open_nursery() as nursery:
        yield Jumping(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def jump_and_return(world: Jumping, seconds: float) -> str:
    """Write to somebody away, let the clock jump and come back; return the state meanwhile."""
    await world.relay_net(4)
    await world.person("alice", message_ttl_seconds=DAY_SECONDS // 2)
    await world.person("bob")
    await world.friends("alice", "bob")
    first = await world.send("alice", "bob", "before")
    await world.until_state("alice", first, "delivered")
    await world.crash("bob")
    waiting = await world.send("alice", "bob", "while he is away")
    world.jumps["alice"] = seconds
    await trio.sleep(1800)
    meanwhile = (await world.nodes["alice"].message(waiting.id)).state
    world.jumps["alice"] = 0.0
    await trio.sleep(120)
    await world.person("bob")
    last = await world.send("alice", "bob", "after")
    await world.until_state("alice", last, "delivered")
    await trio.sleep(300)
    # Nothing is shown a second time, whatever was sent again in between.
    shown = await world.inbox("bob", "alice")
    assert sorted(shown) == ["after", "before", "while he is away"]
    return meanwhile


@pytest.mark.parametrize("days", [1, -1])
async def test_k16_a_jump_by_a_day_gives_no_message_up_and_repeats_none(
    jumping: Jumping, autojump_clock: Clock, days: int
) -> None:
    assert await jump_and_return(jumping, days * float(DAY_SECONDS)) in ("queued", "sent")


async def test_k16_control_by_the_wall_clock_a_jump_gives_messages_up(
    jumping: Jumping, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_passed = DeliveryCore._time_passed

    def by_wall(core: DeliveryCore, event: ItemDue, now: float) -> list[Command]:
        wall = jumping.runtime.wall() + jumping.jumps.get("alice", 0.0)
        for entry in core._items.values():
            entry.expires = now + entry.item.expires_at - wall
        return time_passed(core, event, now)

    monkeypatch.setattr(DeliveryCore, "_time_passed", by_wall)
    assert await jump_and_return(jumping, float(DAY_SECONDS)) == "failed"

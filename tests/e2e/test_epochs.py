"""Messages across the boundaries of epochs: nothing lost, no packet for a key that is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.e2e.world import START_WALL, World
from zentalk.ids import EPOCH_SECONDS, epoch_at
from zentalk.net.runtime import Runtime
from zentalk.onion.mixkeys import MixKeys
from zentalk.relay.keys import mix_keys as relay_keys
from zentalk.wire.descriptor import Descriptor

pytestmark = pytest.mark.e2e

TURN = (START_WALL // EPOCH_SECONDS + 1) * EPOCH_SECONDS


class Hours(World):
    """A world whose people may have clocks that are wrong by some seconds."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        super().__init__(folder, nursery)
        self.runtime = Runtime.virtual(0, TURN - 540)
        self.clock_off: dict[str, float] = {}
        self.texts: list[str] = []

    def _runtime(self, name: str) -> Runtime:
        runtime, off = super()._runtime(name), self.clock_off.get(name, 0.0)
        return replace(runtime, wall=lambda: runtime.wall() + off)

    async def until_minute(self, minute: float) -> None:
        """Wait for a minute, counted from the first turn of the epoch."""
        await trio.sleep(TURN + 60 * minute - self.runtime.wall())

    async def talk(self) -> None:
        """Send a message each way; both must be delivered within seconds."""
        text = f"{len(self.texts)}"
        self.texts.append(text)
        sent = [await self.send("alice", "bob", text), await self.send("bob", "alice", text)]
        for sender, message in zip(("alice", "bob"), sent, strict=True):
            with trio.fail_after(30):
                await self.until_state(sender, message, "delivered")

    def refused(self, reason: str) -> int:
        return sum(relay.stats().refused.get(reason, 0) for relay in self.relays.values())

    def paths_left(self, name: str) -> int:
        """How many relays somebody can draw paths from now."""
        return len(self.nodes[name]._network._snapshot.view().relays)


@pytest.fixture
async def world(
    autojump_clock: MockClock, tmp_path: Path, nursery: trio.Nursery
) -> AsyncIterator[Hours]:
    yield Hours(tmp_path, nursery)
    nursery.cancel_scope.cancel()


async def start(world: Hours) -> None:
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    await world.talk()


async def cross(world: Hours, turn: int = 0) -> None:
    """Write shortly before and after a turn, and while relays publish what is next."""
    for minute in (-0.2, 0.02, 2, 12, 36):
        await world.until_minute(60 * turn + minute)
        await world.talk()


def check(world: Hours, relays: int = 4) -> None:
    assert world.refused("undecryptable") == 0
    assert world.refused("epoch") == 0
    for name in ("alice", "bob"):
        assert world.paths_left(name) == relays


@pytest.mark.parametrize("turns", [2, pytest.param(6, marks=pytest.mark.long)])
async def test_messages_flow_across_epochs_and_no_packet_meets_a_lost_key(
    world: Hours, autojump_clock: MockClock, turns: int
) -> None:
    await start(world)
    for turn in range(turns):
        await cross(world, turn)
        check(world)
    for reader, writer in (("alice", "bob"), ("bob", "alice")):
        assert await world.inbox(reader, writer) == world.texts


@pytest.mark.parametrize("off", [-295.0, 295.0])
async def test_clocks_of_people_may_be_wrong_by_five_minutes(
    world: Hours, autojump_clock: MockClock, off: float
) -> None:
    world.clock_off["alice"] = off
    await start(world)
    for minute in (-5.2, -4.8):
        await world.until_minute(minute)
        await world.talk()
    await cross(world)
    check(world)
    assert await world.inbox("bob", "alice") == world.texts


async def test_control_published_at_the_turn_itself_a_slow_clock_is_left_without_relays(
    world: Hours, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor of an epoch that has not begun for somebody has no key for theirs."""
    monkeypatch.setattr(relay_keys, "PUBLISH_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(relay_keys, "PUBLISH_SPREAD_SECONDS", 0.0)
    world.clock_off["alice"] = -295.0
    await start(world)
    await world.until_minute(0.5)
    world.nodes["alice"]._network._snapshot.refresh_soon()
    await world.until_minute(3)
    assert world.paths_left("bob") == 4
    assert world.paths_left("alice") == 0


async def test_control_without_refreshed_descriptors_nobody_finds_a_path(
    world: Hours, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(keys: relay_keys.OwnKeys, wall: float) -> Descriptor | None:
        for peeler in keys.peelers:
            peeler.rotate(wall, keys._entropy)
        return None

    await start(world)
    monkeypatch.setattr(relay_keys.OwnKeys, "turn", never)
    await world.until_minute(59.5)
    await world.talk()  # the key of the next epoch was published ahead
    assert world.paths_left("alice") == 4
    await world.until_minute(60.5)
    assert world.paths_left("alice") == 0
    await world.send("alice", "bob", "into the void")
    await trio.sleep(60)
    assert await world.inbox("bob", "alice") == world.texts


async def test_control_keys_dropped_at_the_turn_make_packets_undecryptable(
    world: Hours, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets that were built before the turn arrive after it: the last key is still needed."""
    rotate = MixKeys.rotate

    def forgetful(keys: MixKeys, wall: float, entropy: object) -> None:
        rotate(keys, wall, entropy)  # type: ignore[arg-type]
        keys._slots.pop(epoch_at(wall) - 1, None)  # type: ignore[call-overload]

    monkeypatch.setattr(MixKeys, "rotate", forgetful)
    world.clock_off["alice"] = -60.0
    await start(world)
    await world.until_minute(0.3)
    await world.send("alice", "bob", "late")
    await trio.sleep(5)
    assert world.refused("undecryptable") > 0


async def test_who_died_stays_in_the_set_until_its_descriptor_ends(
    world: World, autojump_clock: MockClock
) -> None:
    """Whoever cuts a relay off for a while must not change among whom paths are drawn."""
    await world.relay_net(4)
    await world.until(lambda: world.relays["r1"].stats().relays_known == 4)
    await world.crash("r4")
    await trio.sleep(EPOCH_SECONDS)
    assert {world.relays[f"r{n}"].stats().relays_known for n in (1, 2, 3)} == {4}
    await trio.sleep(EPOCH_SECONDS + 60)
    assert {world.relays[f"r{n}"].stats().relays_known for n in (1, 2, 3)} == {3}

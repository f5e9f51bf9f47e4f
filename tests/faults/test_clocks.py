"""Relays and people whose clocks are wrong, in virtual time (K16).

Within minutes nothing is to be noticed. A relay that is wrong by hours is not used, whoever
has the right time goes on, and it comes back when its clock is right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS, EPOCH_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.onion import mixkeys

pytestmark = [pytest.mark.faults, pytest.mark.e2e]

MINUTES = 120.0
MESSAGES = 24
TURN_SECONDS = 400.0


class Skewed(World):
    """A world in which clocks are wrong by `skews` seconds, by name.

    An epoch begins TURN_SECONDS after the start.
    """

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        super().__init__(folder, nursery)
        self.skews: dict[str, float] = {}

    def _runtime(self, name: str) -> Runtime:
        runtime = super()._runtime(name)
        wall = runtime.wall
        return replace(runtime, wall=lambda: wall() - TURN_SECONDS + self.skews.get(name, 0.0))


@pytest.fixture
async def skewed(tmp_path: Path) -> AsyncIterator[Skewed]:
    async with trio.open_nursery() as nursery:
        yield Skewed(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def write(world: Skewed) -> None:
    """Let both write until minutes after the epoch's turn; all must be delivered, and once."""
    await world.friends("alice", "bob")
    sent = []
    await trio.sleep_until(TURN_SECONDS - 1.5 * MINUTES)
    for number in range(MESSAGES):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            sent.append((sender, await world.send(sender, reader, f"{number}")))
        await trio.sleep(3 * MINUTES / MESSAGES)
    for sender, message in sent:
        await world.until_state(sender, message, "delivered")
    for reader, sender in (("alice", "bob"), ("bob", "alice")):
        shown = await world.inbox(reader, sender)
        assert sorted(shown, key=int) == [f"{number}" for number in range(MESSAGES)]


async def minutes_apart(world: Skewed) -> dict[str, int]:
    """Write with clocks minutes apart, on both sides of an epoch's turn.

    Returns how many packets each relay has refused because of their epoch.
    """
    world.skews = {"r1": MINUTES, "r2": -MINUTES, "alice": MINUTES, "bob": -MINUTES}
    await world.relay_net(6)
    for name in ("alice", "bob"):
        await world.person(name)
    await write(world)
    return {name: relay.stats().refused.get("epoch", 0) for name, relay in world.relays.items()}


async def test_k16_two_minutes_either_way_are_not_noticed(
    skewed: Skewed, autojump_clock: Clock
) -> None:
    assert not any((await minutes_apart(skewed)).values())


@pytest.mark.long
async def test_k16_control_without_grace_before_an_epoch_packets_are_refused(
    skewed: Skewed, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are sent again, so that nothing is lost even then."""
    monkeypatch.setattr(mixkeys, "EARLY_SECONDS", 0)
    assert any((await minutes_apart(skewed)).values())


@pytest.mark.parametrize("hours", [1, 24])
async def test_k16_relays_that_are_wrong_by_hours_disturb_nobody(
    skewed: Skewed, autojump_clock: Clock, hours: int
) -> None:
    skewed.skews = {"r6": hours * 3600.0, "r7": -hours * 3600.0}
    await skewed.relay_net(7)
    for name in ("alice", "bob"):
        await skewed.person(name)
    await write(skewed)
    if hours * 3600 == DAY_SECONDS:
        known = skewed.nodes["alice"]._network.descriptors()
        assert {name for name, relay in skewed.relays.items() if relay.node_id in known} == {
            f"r{number}" for number in range(1, 6)
        }


async def test_k16_a_relay_comes_back_when_its_clock_is_right(
    skewed: Skewed, autojump_clock: Clock
) -> None:
    skewed.skews = {"r5": DAY_SECONDS}
    await skewed.relay_net(5)
    await skewed.person("alice")
    known = skewed.nodes["alice"]._network.descriptors
    assert skewed.relays["r5"].node_id not in known()
    skewed.skews = {}
    await skewed.until(lambda: skewed.relays["r5"].node_id in known(), EPOCH_SECONDS)


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
async def test_k16_whose_own_clock_is_wrong_is_told_so(
    skewed: Skewed, autojump_clock: Clock, hours: int
) -> None:
    skewed.skews = {"alice": hours * 3600.0}
    await skewed.relay_net(4)
    alice = await skewed.person("alice", ready=False)
    await trio.sleep(60)
    [said] = [note for note in alice.status().notes if "clock" in note]
    assert ("ahead of" if hours > 0 else "behind") in said
    skewed.skews = {}
    await skewed.until(
        lambda: not [note for note in alice.status().notes if "clock" in note], EPOCH_SECONDS
    )
    await alice.ready()


async def test_k16_whose_clock_is_right_is_told_nothing(
    skewed: Skewed, autojump_clock: Clock
) -> None:
    """A relay that is wrong by a day does not count, nor does the turn of an hour."""
    skewed.skews = {"r4": DAY_SECONDS}
    await skewed.relay_net(4)
    alice = await skewed.person("alice")
    for _ in range(20):
        await trio.sleep(60)
        assert not [note for note in alice.status().notes if "clock" in note]


@pytest.mark.parametrize("hours", [1, -1, 2, -2, 24])
async def test_k16_an_operator_is_told_of_a_relay_whose_clock_is_wrong(
    skewed: Skewed, autojump_clock: Clock, hours: int
) -> None:
    structlog.reset_defaults()
    skewed.skews = {"r4": hours * 3600.0}
    with capture_logs() as logs:
        await skewed.relay_net(4)
        await trio.sleep(180)
        found = {name: relay.status().warnings for name, relay in skewed.relays.items()}
        [said] = [warning for warning in found.pop("r4") if "clock" in warning]
        assert f"{'an hour' if abs(hours) == 1 else f'{abs(hours)} hours'} " in said
        assert ("ahead of" if hours > 0 else "behind") in said
        assert not any(found.values())  # the control: the same network, clocks that are right
        skewed.skews = {}
        await skewed.until(lambda: not skewed.relays["r4"].status().warnings, EPOCH_SECONDS)
    events = [line["event"] for line in logs if "own_clock" in line["event"]]
    assert events == ["own_clock_seems_wrong", "own_clock_seems_right"]

"""K46: thousands of descriptors that cost nothing to sign, against whole relays of `main`."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import World, snapshot, world
from tests.strangers.made_up_relays import hello, many, tell
from zentalk.directory.observations import ObservedRelays
from zentalk.directory.waiting_pool import MAX_WAITING
from zentalk.ids import NodeId

TWO_HOURS = 7200.0
NAMES = ("r1", "r2", "r3")


def known(net: World, name: str) -> set[NodeId]:
    wiring = net.relays[name].relay.wiring
    return {item.node_id for item in wiring.directory.live()}


async def flood(net: World, target: str, count: int) -> None:
    """Say hello as a relay, and tell of so many others over that link."""
    liars = many(net.network_id, count, net.runtime.wall())
    link = await hello(net.ground, target, liars[0], 0, "192.0.2.1")
    for start in range(0, count, 1000):
        tell(link, liars[start : start + 1000])
        await trio.sleep(1)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2500, pytest.param(10_000, marks=pytest.mark.long)])
async def test_k46_thousands_of_made_up_relays_take_no_place_of_an_honest_one(
    autojump_clock: MockClock, tmp_path: Path, count: int
) -> None:
    """One relay is away for two hours and comes back after the flood."""
    async with world(tmp_path, network_id="main") as net:
        honest = {running.node_id for running in await net.start_all(*NAMES)}
        away = net.relays["r3"].node_id
        await net.crash("r3")
        await trio.sleep(TWO_HOURS)
        assert away not in known(net, "r1"), "its descriptor has expired"
        await flood(net, "r1", count)
        for name in NAMES[:2]:
            assert known(net, name) == honest - {away}
        assert len(net.relays["r1"].relay.wiring.directory.state._observing.pool) <= MAX_WAITING
        before = trio.current_time()
        await net.start("r3")
        await net.settle(3)
        assert trio.current_time() - before < 120
        assert all(known(net, name) == honest for name in NAMES)
        shown = await snapshot(await net.client("alice", "r1"))
        assert {item.node_id for item in shown} == honest


async def test_k46_control_if_every_descriptor_counted_the_set_would_be_full_of_them(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was before: what is signed counts, and a full set takes nobody else."""
    monkeypatch.setattr(ObservedRelays, "count", lambda *_: True)
    async with world(tmp_path, network_id="main") as net:
        await net.start_all("r1", "r2", "r3")
        for running in net.relays.values():
            running.relay.wiring.directory.descriptors._max_relays = 100
        await flood(net, "r1", 300)
        await trio.sleep(120)
        assert len(known(net, "r1")) == len(known(net, "r2")) == 100
        newcomer = await net.start("r4")
        await trio.sleep(300)
        assert newcomer.node_id not in known(net, "r1")
        shown = await snapshot(await net.client("alice", "r1"))
        assert len(shown) == 100, "and clients are told of them"


async def test_k46_what_nobody_reached_is_neither_shown_nor_passed_on(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        honest = {running.node_id for running in await net.start_all("r1", "r2", "r3")}
        await flood(net, "r1", 300)
        await trio.sleep(600)
        for name in ("r1", "r2", "r3"):
            assert known(net, name) == honest
            waiting = net.relays[name].relay.wiring.directory.state._observing.pool
            assert bool(len(waiting)) == (name == "r1"), "only where they were told"


async def test_a_relay_that_says_hello_counts_within_a_moment_and_its_link_is_shared(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        r1, r2 = await net.start_all("r1", "r2")
        links = r1.relay.wiring.links
        assert r2.node_id in known(net, "r1")
        assert links.linked(r2.node_id) is not None


async def test_what_was_observed_is_kept_over_a_restart(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Who cannot be reached just then counts all the same, for its 26 hours."""
    async with world(tmp_path, network_id="main") as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        await trio.sleep(10)
        await net.crash("r1")
        net.network.cut("r1", "r2")
        await net.start("r1")
        await trio.sleep(5)
        assert r2.node_id in known(net, "r1")
        assert r1.node_id in known(net, "r3")

"""K46 at a node: who becomes a guard, a second hop or a mailbox when sources make relays up."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.node.world import NETWORK_ID, Client, World, until, world_of
from tests.strangers.made_up_relays import made_up
from zentalk.directory.observations import Observation
from zentalk.directory.snapshot import SnapshotResult
from zentalk.ids import NodeId
from zentalk.node.network import NodeNetwork
from zentalk.node.snapshot.client import SnapshotClient
from zentalk.node.snapshot.shown_relays import ShownRelays
from zentalk.wire.descriptor import Descriptor

LIARS = (0, 1)
HONEST = 12
MADE_UP = 6


def ids(*numbers: int) -> list[NodeId]:
    return [NodeId(bytes([number]) * 32) for number in numbers]


def test_three_refreshes_with_sources_of_their_own_are_needed() -> None:
    seen, relays = ShownRelays(), ids(*range(10))
    seen.note(relays, ids(1, 2, 3), relays)
    seen.note(relays, ids(4, 5, 6), relays)
    seen.note(relays, ids(6, 7, 8), relays)
    assert seen.often() == frozenset(), "one source was asked twice"
    seen.note(relays, ids(7, 8, 9), relays)
    assert seen.often() == frozenset(relays)


def test_a_small_network_asks_the_same_again() -> None:
    seen, relays = ShownRelays(), ids(*range(8))
    for _ in range(3):
        seen.note(relays, ids(1, 2), relays)
    assert seen.often() == frozenset(relays)


def test_who_is_gone_begins_anew() -> None:
    seen, relays = ShownRelays(), ids(*range(8))
    for _ in range(3):
        seen.note(relays, ids(1, 2), relays)
    seen.note(relays[1:], ids(1, 2), relays[1:])
    seen.note(relays, ids(1, 2), relays)
    assert seen.often() == frozenset(relays[1:])


def test_counts_go_on_where_an_earlier_run_left_them() -> None:
    before, after, relays = ShownRelays(), ShownRelays(), ids(*range(10))
    before.note(relays, ids(1, 2, 3), relays)
    before.note(relays[:5], ids(4, 5, 6), relays)
    after.restore(before.counts())
    after.note(relays, ids(3, 7, 8), relays)
    assert after.often() == frozenset(), "one source was asked before the restart"
    after.note(relays, ids(7, 8, 9), relays)
    assert after.often() == frozenset(relays[:5])
    assert {one.sources for one in after.counts() if one.times == 3} == {()}


def lie(world: World) -> list[Descriptor]:
    """Let two relays show others that they made up, to whoever asks them."""
    liars = [
        made_up(NETWORK_ID, number, f"60.{number}.0.1", 9001, world.runtime.wall())
        for number in range(MADE_UP)
    ]
    for number in LIARS:
        descriptors = world.relays[number].wiring.directory.descriptors
        assert descriptors.observations is not None
        for liar in liars:
            descriptors.observations.note(Observation(liar.uri, liar.host, world.runtime.wall()))
            descriptors.offer(liar.raw, world.runtime.wall())
    return liars


def chosen(network: NodeNetwork) -> set[NodeId]:
    """Return everything that was chosen to last, or may be."""
    entries = network._selection.state.entries
    hops = {hop.node_id for entry in entries for hop in entry.middles}
    return hops.union(network.lasting_relays(), (entry.node_id for entry in entries))


@pytest.mark.e2e
async def test_k46_no_guard_second_hop_or_mailbox_is_made_up(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Both bootstraps of a first start lie, and lie on when they are asked again."""
    async with world_of(tmp_path, HONEST) as world:
        invented = {liar.node_id for liar in lie(world)}
        async with Client(world).running() as network:
            assert invented <= network.descriptors().keys(), "two sources agreed"
            await until(lambda: len(network.connected_guards()) == 2)
            assert network.lasting_relays()
            assert not invented & chosen(network)
            await trio.sleep(750)
            assert not invented & chosen(network)


@pytest.mark.e2e
async def test_k46_control_if_one_refresh_were_enough_made_up_relays_are_chosen(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("shown_relays", "refresher"):
        monkeypatch.setattr(f"zentalk.node.snapshot.{module}.REFRESHES", 1)
    async with world_of(tmp_path, HONEST) as world:
        invented = {liar.node_id for liar in lie(world)}
        async with Client(world).running() as network:
            entries = {entry.node_id for entry in network._selection.state.entries}
            assert invented & entries
            assert invented <= network.lasting_relays()


class Refreshes:
    """Counts the refreshes of all nodes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        fetch = SnapshotClient.fetch_snapshot

        async def counted(client: SnapshotClient, sources: Sequence[NodeId]) -> SnapshotResult:
            self.count += 1
            return await fetch(client, sources)

        monkeypatch.setattr(SnapshotClient, "fetch_snapshot", counted)


async def start_again(world: World, refreshes: Refreshes) -> frozenset[NodeId]:
    """Run a node twice; return what lasted at once in the second run, with refreshes counted."""
    client = Client(world)
    async with client.running() as network:
        await until(lambda: len(network.connected_guards()) == 2)
        await trio.sleep(5)
        assert network.lasting_relays()
    refreshes.count = 0
    client.restart()
    async with client.running() as network:
        at_once = network.lasting_relays()
        await trio.sleep(60)
    return at_once


@pytest.mark.e2e
async def test_a_node_that_starts_again_may_choose_what_lasts_at_once_and_asks_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshes = Refreshes(monkeypatch)
    async with world_of(tmp_path, HONEST) as world:
        assert len(await start_again(world, refreshes)) > HONEST / 2
        assert refreshes.count == 1


@pytest.mark.e2e
async def test_control_if_counts_are_not_kept_it_asks_three_times(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ShownRelays, "counts", lambda self: ())
    refreshes = Refreshes(monkeypatch)
    async with world_of(tmp_path, HONEST) as world:
        await start_again(world, refreshes)
        assert refreshes.count == 3

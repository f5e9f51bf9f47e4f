"""How a node gets into the network, and what it does when relays die."""

from pathlib import Path

import pytest
import trio
import trio.testing

from tests.node.descriptors import EPOCH, make_relay
from tests.node.world import Client, World, until, world_of
from zentalk.errors import UnavailableError
from zentalk.node.network import NodeNetwork
from zentalk.node.snapshot import refresher
from zentalk.onion.packet import DROP
from zentalk.wire.packet_class import PacketClass

pytestmark = pytest.mark.e2e


def hosts_dialled(world: World, name: str = "alice") -> set[str]:
    """Return a set that grows with every host that `name` sends to."""
    seen: set[str] = set()

    def on_wire(source: str, target: str, data: bytes) -> None:
        if source == name:
            seen.add(target)

    world.net.on_wire = on_wire
    return seen


async def both_guards(network: NodeNetwork) -> None:
    await until(lambda: len(network.connected_guards()) == 2)


async def test_two_bootstraps_give_a_snapshot_and_two_guards(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            assert len(network.descriptors()) == 6
            await both_guards(network)
            assert network.connected_guards() == network.guards()
            assert network.status().tunnels == "full"
            assert network.status().notes == ()
            await until(lambda: bool(client.saved))


async def test_one_bootstrap_gives_an_unverified_snapshot_and_nothing_is_kept(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world, bootstraps=[0])
        async with client.running() as network:
            await both_guards(network)
            assert len(network.descriptors()) == 6
            network.refresh_soon()
            await trio.sleep(1300)  # later refreshes agree among three: they all came from one
            assert network.status().notes == (
                "the list of relays is unverified: add a second bootstrap",
            )
        assert client.saved == []


async def test_of_two_bootstraps_one_alone_is_not_believed(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        world.kill(1)
        client = Client(world)
        async with client.running(wait=False) as network:
            await trio.sleep(100)
            assert network.descriptors() == {}
            assert network.status().tunnels == "none"
            assert client.saved == []
            await world.start_relay(1)
            with trio.fail_after(100):
                await network.connected()
            assert network.status().notes == ()


async def test_bootstraps_that_are_not_guards_are_dialled_at_the_start_only(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 10) as world:
        client = Client(world, guards=[])
        hosts = hosts_dialled(world)
        async with client.running() as network:
            await both_guards(network)
            assert {"r0", "r1"} <= hosts
            await trio.sleep(5)
            hosts.clear()
            await trio.sleep(750)
            assert hosts == {f"r{world.number(guard)}" for guard in network.guards()}


async def test_a_restart_needs_no_bootstrap_and_keeps_its_guards(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 10) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            guards = network.guards()
            await trio.sleep(3)
        hosts = hosts_dialled(world)
        client.restart()
        assert len(client.network.descriptors()) == 10
        async with client.running() as network:
            await both_guards(network)
            assert network.guards() == guards
            await trio.sleep(700)
        assert hosts == {f"r{world.number(guard)}" for guard in guards}


async def test_a_restart_with_an_expired_snapshot_asks_its_guards(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            guards = network.guards()
            await trio.sleep(3)
        await world.sleep_all(3 * 3600)
        hosts = hosts_dialled(world)
        client.restart()
        assert client.network.descriptors() == {}
        async with client.running() as network:
            assert len(network.descriptors()) == 8
            assert network.guards() == guards
            assert network.status().notes == ()
        assert hosts == {f"r{world.number(guard)}" for guard in guards}


async def test_a_restart_whose_guards_are_all_gone_asks_the_bootstraps_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8, seed=3) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            guards = world.numbers(network.guards())
            await trio.sleep(3)
        if set(guards) & {0, 1}:
            pytest.fail("choose another seed: a guard is a bootstrap")
        await world.sleep_all(3 * 3600, waking=[n for n in range(8) if n not in guards])
        client.restart()
        async with client.running() as network:
            assert len(network.descriptors()) == 6
            await both_guards(network)


async def test_damaged_state_is_started_anew_and_said(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        client.saved.append(b"damaged")
        client.restart()
        async with client.running() as network:
            assert network.status().notes == (
                "the stored guards were damaged; new ones were chosen",
            )


async def test_when_a_guard_dies_the_other_serves_at_once_and_a_substitute_comes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            first, second = network.guards()
            world.kill(world.number(first))
            await until(lambda: network.connected_guards() != (first, second), 1)
            assert network.connected_guards() == (second,)
            target = next(n for n in network.descriptors() if n not in (first, second))
            assert network.packets.send(target, DROP, b"")[0] == second
            await both_guards(network)
            assert first not in network.connected_guards()
            # It comes back, and is the guard again.
            await world.start_relay(world.number(first))
            await until(lambda: network.connected_guards() == (first, second))


async def test_pinned_guards_are_used_and_no_others(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world, guards=[world.uri(5), world.uri(6)])
        hosts = hosts_dialled(world)
        async with client.running() as network:
            await both_guards(network)
            assert network.connected_guards() == (world.id(5), world.id(6))
            world.kill(5)
            await trio.sleep(300)
            assert network.connected_guards() == (world.id(6),)
            assert hosts <= {"r0", "r1", "r5", "r6"}


async def test_pinned_guards_alone_are_enough_to_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world, bootstraps=[], guards=[world.uri(4), world.uri(5)])
        hosts = hosts_dialled(world)
        async with client.running() as network:
            assert len(network.descriptors()) == 6
            assert network.status().notes == ()
            assert hosts == {"r4", "r5"}


async def test_a_pinned_guard_that_nobody_knows_is_only_waited_for(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world, guards=[make_relay(99).uri])
        async with client.running(wait=False) as network:
            await trio.sleep(60)
            assert len(network.descriptors()) == 6
            assert network.connected_guards() == ()
            with pytest.raises(UnavailableError, match="guard"):
                network.packets.send(world.id(3), DROP, b"")


async def test_in_the_smallest_network_everything_works_and_status_says_short(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 3) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            assert network.status().tunnels == "short"
            for number in range(3):
                async with network.tunnels.short(world.id(number)) as tunnel:
                    assert tunnel.depth == 1
                assert (
                    len(
                        set(
                            network.packets.send(
                                world.id(number), DROP, b"", packet_class=PacketClass.SMALL
                            )
                        )
                    )
                    == 3
                )


async def test_k48_a_network_that_lost_relays_today_stays_full_while_four_are_left(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Over a restart of the node as well; whoever makes relays fail shortens nobody's paths."""
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            assert network.status().tunnels == "full"
            await trio.sleep(5)
        await world.sleep_all(3 * 3600, waking=[0, 1, 2, 3])
        client.restart()
        async with client.running() as network:
            await until(lambda: len(network.descriptors()) == 4)
            await both_guards(network)
            assert network.status().tunnels == "full"
            assert len(set(network.packets.send(world.id(0), DROP, b""))) == 4
            async with network.tunnels.short(world.id(1)) as tunnel:
                assert tunnel.depth == 3
            await trio.sleep(5)
        await world.sleep_all(25 * 3600, waking=[0, 1, 2, 3])
        client.restart()
        async with client.running() as network:
            await until(lambda: len(network.descriptors()) == 4)
            assert network.status().tunnels == "short"


async def test_two_relays_are_no_network_and_status_says_so(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 3) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            assert network.status().notes == (
                "paths pass all 3 relays, so nothing leaves while one is down; add relays",
            )
            await world.sleep_all(3 * 3600, waking=[0, 1])
            await until(lambda: len(network.descriptors()) == 2)
            await both_guards(network)
            assert network.status().tunnels == "none"
            assert network.status().notes == ("only 2 relays are known; at least 3 are needed",)
            with pytest.raises(UnavailableError):
                network.packets.send(world.id(0), DROP, b"")
            await world.start_relay(2)
            await until(lambda: len(network.descriptors()) == 3, 1500)


async def test_the_view_follows_the_epochs(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6, into_epoch_seconds=3400) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            assert {relay.epoch for relay in network.descriptors().values()} == {EPOCH}
            for _ in range(60):
                await trio.sleep(5)
                assert len(network.descriptors()) == 6
                network.packets.send(world.id(0), DROP, b"")
            await until(lambda: sum(relay.stats().cover for relay in world.relays) == 60)
            # What is published in the new epoch replaces the old in time for the next one.
            await trio.sleep(2900)
            assert {relay.epoch for relay in network.descriptors().values()} == {EPOCH + 1}


async def test_a_node_that_slept_through_its_keys_asks_for_fresh_ones_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await world.sleep_all(3 * 3600)
            await until(lambda: len(network.descriptors()) == 6, 60)


async def count_refreshes(
    network: NodeNetwork, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> int:
    client = network._snapshot.client
    fetch = client.fetch_snapshot
    count = 0

    async def counted(sources):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        return await fetch(sources)

    monkeypatch.setattr(client, "fetch_snapshot", counted)
    for _ in range(int(seconds)):
        network.refresh_soon()
        await trio.sleep(1)
    return count


async def test_a_guard_that_restarted_is_usable_seconds_after_it_came_back(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """It lost its mix keys: packets under the old ones would be lost at it."""
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            guard = network.guards()[0]
            boot = network.descriptors()[guard].boot
            world.kill(world.number(guard))
            await world.start_relay(world.number(guard))
            await until(lambda: network.descriptors()[guard].boot > boot, 15)
            with trio.fail_after(1):
                told = await network.packets.fates.restarted_relays()
            assert told == {guard}, "what was on its way through it is to be sent again"


@pytest.mark.parametrize("limited", [True, False])
async def test_asking_all_the_time_refreshes_the_snapshot_once_a_minute_after_a_first_burst(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    limited: bool,
) -> None:
    """Where a snapshot is large; in a network as small as this one it may come more often."""
    if limited:
        monkeypatch.setattr(refresher, "APART_PER_RELAY_SECONDS", 10.0)
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            count = await count_refreshes(network, 170, monkeypatch)
            assert (count <= 2 + 3) is limited


async def test_refreshes_that_find_nothing_come_ever_more_seldom_until_one_does(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contact whose mailboxes are down for hours must not cost three tunnels a second or two."""
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            assert await count_refreshes(network, 60, monkeypatch) > 4
            assert await count_refreshes(network, 600, monkeypatch) <= 10 + 3
            other = min(set(network.descriptors()) - set(network.guards()))
            boot = network.descriptors()[other].boot
            world.kill(world.number(other))
            await world.start_relay(world.number(other))
            for _ in range(300):
                if network.descriptors()[other].boot > boot:
                    break
                network.refresh_soon()
                await trio.sleep(1)
            assert network._snapshot._fruitless <= 1, "the next ones may come soon again"


async def test_a_tunnel_that_served_and_ended_makes_refreshes_frequent_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await count_refreshes(network, 300, monkeypatch)
            assert network._snapshot._fruitless > 3
            network.relay_restarted()
            assert network._snapshot._fruitless == 0


async def test_without_missing_acks_the_snapshot_is_refreshed_every_ten_minutes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            monkeypatch.setattr(network, "refresh_soon", lambda: None)
            assert 2 <= await count_refreshes(network, 1800, monkeypatch) <= 4


async def test_a_second_hop_that_died_is_left_out_after_two_losses(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 10) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            target = next(n for n in network.descriptors() if n not in network.guards())
            dead = network.packets.send(target, DROP, b"")[1]
            for _ in range(200):
                hops = network.packets.send(target, DROP, b"")
                if dead in hops:
                    network.packets.fates.report_lost(hops)
                else:
                    network.packets.fates.report_arrived(hops)
            late = [network.packets.send(target, DROP, b"") for _ in range(50)]
            # As the hop before the end it is drawn all the same.
            assert all(dead != hops[1] for hops in late)
            await trio.sleep(600)
            later = [network.packets.send(target, DROP, b"") for _ in range(100)]
            assert any(dead == hops[1] for hops in later)


async def test_a_guard_that_went_silent_is_left_after_two_losses(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Its link counts as live for up to 75 s more; packets need not wait for that."""
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            silent, other = network.guards()
            world.net.cut("alice", f"r{world.number(silent)}")
            target = next(n for n in network.descriptors() if n not in network.guards())
            for _ in range(30):
                hops = network.packets.send(target, DROP, b"")
                if hops[0] == silent:
                    network.packets.fates.report_lost(hops)
                else:
                    network.packets.fates.report_arrived(hops)
            assert silent in network.connected_guards()
            late = [network.packets.send(target, DROP, b"") for _ in range(30)]
            assert {hops[0] for hops in late if hops[2] != other} == {other}
            await until(lambda: silent not in network.connected_guards())


async def test_a_state_that_did_not_change_is_not_saved_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await trio.sleep(1500)
            assert 1 <= len(client.saved) <= 3
            assert len(set(client.saved)) == len(client.saved)

"""Packets and acks of a node through real relays, and what a watcher of its line sees."""

from collections import Counter
from pathlib import Path

import pytest
import trio
import trio.lowlevel
import trio.testing

from tests.node.world import Client, until, world_of
from zentalk.errors import TransportError, UnavailableError
from zentalk.ids import MailboxId, SendId
from zentalk.link.geometry import UNIT_LARGE_BYTES, UNIT_SMALL_BYTES
from zentalk.net.connection import NoHandlers
from zentalk.node.network import NodeNetwork
from zentalk.onion.packet import DROP
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.rpc_directory import encode_snapshot_request

CLASSES = (PacketClass.SMALL, PacketClass.LARGE)

pytestmark = pytest.mark.e2e


async def both_guards(network: NodeNetwork) -> None:
    await until(lambda: len(network.connected_guards()) == 2)


async def test_every_packet_arrives_over_the_hops_that_send_names(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 8) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            expected: Counter[int] = Counter()
            for turn in range(80):
                hops = network.packets.send(
                    world.id(turn % 8), DROP, b"", packet_class=CLASSES[turn % 10 == 0]
                )
                assert hops[-1] == world.id(turn % 8)
                assert hops[0] in network.guards()
                assert len(set(hops)) == 4
                expected.update(world.numbers(hops[:-1]))
                await trio.lowlevel.checkpoint()
            await until(lambda: sum(relay.stats().cover for relay in world.relays) == 80)
            assert {n: relay.stats().forwarded for n, relay in enumerate(world.relays)} == {
                n: expected[n] for n in range(8)
            }


async def test_an_ack_route_leads_its_token_to_the_own_mailbox_relay(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            home = world.id(5)
            outlook = network.packets._outlook()
            points = {home: SendId(bytes(16))}
            route, _ = network.packets._paths.ack(outlook, world.id(2), points, bytes(32))
            assert route.first != world.id(2)
            # What the delivery relay does: expand it, and hand it to the first relay.
            forwarder = world.relays[2]._wiring.router._forwarder  # type: ignore[union-attr]
            forwarder.send_ack(route)
            # Nobody registered that send id there, and the mailbox says so.
            await until(lambda: world.relays[5].stats().refused.get("mailbox-unknown") == 1)


async def test_own_mailbox_relays_stay_out_of_the_middle(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 10) as world:
        client = Client(world)
        network = client.network
        network.own_mailboxes([world.id(0), world.id(1)])
        async with client.running():
            await both_guards(network)
            target = next(n for n in network.descriptors() if n not in network.guards())
            middles = {network.packets.send(target, DROP, b"")[1] for _ in range(100)}
            assert middles.isdisjoint({world.id(0), world.id(1), *network.guards()})


async def test_a_full_queue_is_an_error_and_no_silent_loss(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            sent: list[int] = []

            def flood() -> None:
                for turn in range(100_000):
                    network.packets.send(world.id(5), DROP, b"", packet_class=PacketClass.LARGE)
                    sent.append(turn)

            with pytest.raises(TransportError, match="full"):
                flood()
            assert len(sent) > 10
            await until(lambda: sum(relay.stats().cover for relay in world.relays) == len(sent))


async def test_without_a_guard_that_can_start_the_path_sending_is_unavailable(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world_of(tmp_path, 6) as world:
        client = Client(world, guards=[world.uri(3)])
        async with client.running() as network:
            network.packets.send(world.id(4), DROP, b"")
            with pytest.raises(UnavailableError, match="guard"):
                network.packets.send(world.id(3), DROP, b"")


async def use_everything(network: NodeNetwork) -> None:
    """Send both classes, ask over short tunnels, hold a long one, refresh."""
    targets = list(network.descriptors())
    async with trio.open_nursery() as nursery:
        for target in targets:
            if target not in network.guards():
                await network.tunnels.lasting(target, MailboxId(target), NoHandlers(), nursery)
                break
        for turn, target in enumerate(targets):
            network.packets.send(target, DROP, bytes(turn), packet_class=CLASSES[turn % 2 == 0])
            async with network.tunnels.short(target) as tunnel:
                await tunnel.request(encode_snapshot_request())
        await trio.sleep(1300)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("watched", ["the node's line", "a line between relays"])
async def test_k3_a_watcher_of_the_line_sees_two_sizes_only(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, watched: str
) -> None:
    """Everything between node and relays, handshakes of bootstraps and guards included.

    Control: between relays, where nothing is padded, the same watcher sees what is sent.
    """
    async with world_of(tmp_path, 6) as world:
        lengths: set[int] = set()

        def on_wire(source: str, target: str, data: bytes) -> None:
            if ("alice" in (source, target)) is (watched == "the node's line"):
                lengths.add(len(data))

        world.net.on_wire = on_wire
        client = Client(world)
        async with client.running() as network:
            await both_guards(network)
            await use_everything(network)
            assert network.unit_sizes() == {UNIT_SMALL_BYTES, UNIT_LARGE_BYTES}
        sums = {
            small * UNIT_SMALL_BYTES + large * UNIT_LARGE_BYTES
            for small in range(60)
            for large in range(20)
        }
        assert (lengths <= sums) is (watched == "the node's line")

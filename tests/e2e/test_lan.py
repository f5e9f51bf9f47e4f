"""Contacts in one house without a relay: beacons, offers, paths and QUIC, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from tests.e2e.world import World
from tests.node.direct.house import House
from zentalk.net import punching
from zentalk.net.runtime import Runtime
from zentalk.node.direct.parts import Relays
from zentalk.node.direct.udp_ways import UdpWays
from zentalk.node.direct.ways import Ways
from zentalk.wire.beacon import NEAR_OFFER

pytest.importorskip("aioquic")
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PEOPLE = ("alice", "bob")


@pytest.fixture(autouse=True)
def _no_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offers name no place at which anybody could be reached, and no subnet is known."""

    async def found(_targets: object) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return ()

    monkeypatch.setattr(punching, "own_addresses", found)


def moves_in(world: World, house: House) -> None:
    """Let people who are started from now on live in a house, each on another machine."""
    hosts: Iterator[int] = count(2)

    def ways(relays: Relays) -> Ways:
        number = next(hosts)
        host, runtime = f"192.168.1.{number}", Runtime.virtual(number, 0.0)
        return UdpWays("local", runtime, relays, house.binds(host), house.joins(host))

    world.make_ways = ways


async def in_one_house(world: World, *, direct_lan: bool = True) -> House:
    """Two people who know each other and agreed, in a house through which nothing goes yet."""
    house = House()
    moves_in(world, house)
    await world.relay_net(6)
    for name in PEOPLE:
        await world.person(name, direct_lan=direct_lan)
    await world.friends(*PEOPLE)
    for writer, reader in (PEOPLE, PEOPLE[::-1]):
        message = await world.send(writer, reader, "hello")
        await world.until_state(writer, message, "delivered")
    house.is_open = False
    assert (house.bound, house.joined, house.sent) == ([], [], []), "nobody has agreed to anything"
    for writer, reader in (PEOPLE, PEOPLE[::-1]):
        await world.nodes[writer].direct.allow(world.nodes[reader].address, on=True)
    await world.until(lambda: len(house.bound) == len(PEOPLE))
    return house


async def is_direct(world: World) -> bool:
    alice, bob = (world.nodes[name] for name in PEOPLE)
    found = [await alice.direct.state(bob.address), await bob.direct.state(alice.address)]
    return all(state.is_direct for state in found)


async def stop_relays(world: World) -> None:
    for name in list(world.relays):
        await world.crash(name)
        world.memory.kill(name)


async def test_d2_without_any_relay_two_in_one_house_write_to_each_other(
    world: World, autojump_clock: MockClock
) -> None:
    house = await in_one_house(world)
    await trio.sleep(120)
    assert not await is_direct(world), "nothing goes through the house"
    await stop_relays(world)
    house.is_open = True
    await world.until(lambda: is_direct(world), 3600)
    for number in range(5):
        for writer, reader in (PEOPLE, PEOPLE[::-1]):
            message = await world.send(writer, reader, f"without relays {number}")
            await world.until_state(writer, message, "delivered", 60)
    texts = ["hello", *(f"without relays {number}" for number in range(5))]
    for writer, reader in (PEOPLE, PEOPLE[::-1]):
        await world.until_inbox(reader, writer, texts)


async def test_d2_control_without_beacons_they_do_not_find_each_other(
    world: World, autojump_clock: MockClock
) -> None:
    """And with the setting as it is by default, nothing is joined and nothing of this is sent."""
    house = await in_one_house(world, direct_lan=False)
    house.is_open = True
    await trio.sleep(120)
    await stop_relays(world)
    await trio.sleep(3600)
    assert not await is_direct(world)
    message = await world.send("alice", "bob", "is anybody there?")
    await trio.sleep(600)
    assert (await world.nodes["alice"].message(message.id)).state == "queued"
    assert (house.joined, house.beacons, house.offers) == ([], [], [])


async def test_d2_what_was_written_before_they_met_is_delivered_when_they_do(
    world: World, autojump_clock: MockClock
) -> None:
    house = await in_one_house(world)
    await stop_relays(world)
    message = await world.send("alice", "bob", "for later")
    await trio.sleep(600)
    assert (await world.nodes["alice"].message(message.id)).state == "queued"
    house.is_open = True
    await world.until(lambda: is_direct(world), 3600)
    await world.until_state("alice", message, "delivered", 3600)
    await world.until_inbox("bob", "alice", ["hello", "for later"])


async def test_offers_of_the_house_that_are_sent_again_change_nothing(
    world: World, autojump_clock: MockClock
) -> None:
    house = await in_one_house(world)
    await stop_relays(world)
    house.is_open = True
    await world.until(lambda: is_direct(world), 3600)
    recorded = list(house.offers)
    assert recorded
    told = len(await world.nodes["alice"].events(0))
    thief = house.net.bind("192.168.1.66", 40_000)
    for source, target, data in recorded:
        assert data[0] == NEAR_OFFER
        assert source != target
        await thief.send(data, target)
        await trio.sleep(2)
    await trio.sleep(60)
    assert await is_direct(world)
    assert len(await world.nodes["alice"].events(0)) == told
    assert len(house.offers) == 2 * len(recorded), "nobody sent one for it"


async def test_consent_that_is_withdrawn_ends_beacons_too(
    world: World, autojump_clock: MockClock
) -> None:
    house = await in_one_house(world)
    alice, bob = (world.nodes[name] for name in PEOPLE)
    house.is_open = True
    await world.until(lambda: is_direct(world), 3600)
    await bob.direct.allow(alice.address, on=False)
    await trio.sleep(120)
    house.sent.clear()
    await trio.sleep(3600)
    assert (house.beacons, house.offers, house.members) == ([], [], [])
    assert not await is_direct(world)


async def test_d2_who_starts_without_any_relay_finds_the_other_in_the_house(
    world: World, autojump_clock: MockClock
) -> None:
    house = await in_one_house(world)
    await stop_relays(world)
    for name in PEOPLE:
        await world.crash(name)
    house.leave()
    house.is_open = True
    for name in PEOPLE:
        await world.person(name, ready=False, direct_lan=True)
    await world.until(lambda: is_direct(world), 3600)
    message = await world.send("alice", "bob", "after a start")
    await world.until_state("alice", message, "delivered", 3600)
    await world.until_inbox("bob", "alice", ["hello", "after a start"])

"""Operators, guards and mailboxes kept apart in real networks, and said where they cannot be."""

from __future__ import annotations

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.onion.packet import DROP

pytestmark = pytest.mark.e2e


async def paths_of_alice(world: World, families: dict[str, str]) -> list[tuple[str, ...]]:
    """Start relays with these families, and let Alice send to each; return what was passed."""
    for name, family in families.items():
        await world.relay(name, family=family)
    await world.person("alice")
    network = world.nodes["alice"]._network
    await world.until(lambda: len(network.connected_guards()) == 2)
    await world.until(lambda: len(network.descriptors()) == len(families))
    names = {relay.node_id: name for name, relay in world.relays.items()}
    paths = [
        network.packets.send(relay.node_id, DROP, b"")
        for relay in world.relays.values()
        for _ in range(20)
    ]
    return [tuple(names[hop] for hop in path) for path in paths]


def ways_round(world: World, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All paths from Alice's guards over their second hops to the same last two relays."""
    selection = world.nodes["alice"]._network._selection
    names = {relay.node_id: name for name, relay in world.relays.items()}
    return [
        (names[guard], names[middle], *path[2:])
        for guard in selection.in_use()
        for middle in selection.middles(guard)
    ]


async def test_no_path_passes_two_relays_of_one_operator_that_can_be_avoided(
    world: World, autojump_clock: Clock
) -> None:
    families = {f"r{number}": f"operator-{number % 7}" for number in range(14)}
    shared = 0
    for path in await paths_of_alice(world, families):
        if len({families[name] for name in path}) < 4:
            shared += 1
            assert families[path[2]] != families[path[3]]
            for way in ways_round(world, path):
                assert len({families[name] for name in way}) < 4
    assert shared < 60, "of 280: where both guards are of the last two operators"


async def test_control_where_operators_are_not_declared_their_relays_share_paths(
    world: World, autojump_clock: Clock
) -> None:
    paths = await paths_of_alice(world, {f"r{number}": "" for number in range(14)})
    operators = [[int(name[1:]) % 7 for name in path] for path in paths]
    assert [path for path in operators if path[2] == path[3]]


async def test_where_all_relays_are_of_one_operator_status_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await paths_of_alice(world, {f"r{number}": "everybody" for number in range(6)})
    notes = " ".join(world.nodes["alice"].status().notes)
    assert "a path cannot avoid two relays of one operator" in notes
    assert "a tunnel passes two relays of one operator" in notes


async def test_guards_and_mailboxes_are_apart_and_where_they_are_not_status_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice = await world.person("alice")
    guards = set(alice._network.guards())
    homes = {world.relays[name].node_id for name in world.mailbox_relays("alice")}
    assert guards & homes
    assert (
        "one of your mailboxes is at one of your guards; add relays for full protection"
        in alice.status().notes
    )
    assert alice.status().tunnels == "short"
    for number in range(4, 8):
        await world.relay(f"r{number}")
    bob = await world.person("bob")
    guards = set(bob._network.guards())
    homes = {world.relays[name].node_id for name in world.mailbox_relays("bob")}
    assert not guards & homes
    assert (
        "one of your mailboxes is at one of your guards; add relays for full protection"
        not in bob.status().notes
    )
    assert bob.status().tunnels == "full"

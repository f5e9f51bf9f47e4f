"""Operators, guards and mailboxes kept apart in real networks, and said where they cannot be."""

from __future__ import annotations

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.onion.packet import DROP

pytestmark = pytest.mark.e2e


async def families_on_paths(world: World, families: dict[str, str]) -> list[list[str]]:
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
    return [[families[names[hop]] for hop in path] for path in paths]


async def test_no_path_passes_two_relays_of_one_operator(
    world: World, autojump_clock: Clock
) -> None:
    families = {f"r{number}": f"operator-{number % 5}" for number in range(10)}
    paths = await families_on_paths(world, families)
    assert [path for path in paths if len(set(path)) < 3] == []
    notes = world.nodes["alice"].status().notes
    assert not [note for note in notes if "family" in note or "operator" in note]


async def test_control_where_operators_are_not_declared_their_relays_share_paths(
    world: World, autojump_clock: Clock
) -> None:
    await families_on_paths(world, {f"r{number}": "" for number in range(10)})
    network = world.nodes["alice"]._network
    numbers = {relay.node_id: int(name[1:]) for name, relay in world.relays.items()}
    paths = [
        network.packets.send(relay.node_id, DROP, b"")
        for relay in world.relays.values()
        for _ in range(20)
    ]
    assert [path for path in paths if len({numbers[hop] % 5 for hop in path}) < 3]


async def test_where_all_relays_are_of_one_operator_status_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await families_on_paths(world, {f"r{number}": "everybody" for number in range(6)})
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
    assert alice.status().tunnels == "reduced"
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

"""Groups over real relays, in virtual time."""

from __future__ import annotations

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.node import Node
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e


async def circle(world: World, *names: str) -> list[Node]:
    """Start people of whom the first one knows each of the others, and nobody else anybody."""
    await world.relay_net(3)
    nodes = [await world.person(name) for name in names]
    for other in names[1:]:
        await world.friends(names[0], other)
    return nodes


async def until_stands(world: World, node: Node, group: GroupId, standing: GroupStanding) -> None:
    async def stands() -> bool:
        return any(one.id == group and one.stands is standing for one in await node.groups.every())

    await world.until(stands)


async def founded(world: World, nodes: list[Node], name: str = "Crew") -> GroupId:
    """Found a group of all, and wait until everybody knows that everybody is in."""
    founder, *others = nodes
    row = await founder.groups.found(GroupWish(name, members=tuple(o.address for o in others)))
    for other in others:
        await until_stands(world, other, row.id, GroupStanding.INVITED)
        await other.groups.accept(row.id)
    for node in nodes:
        await until_members(world, node, row.id, nodes)
    return row.id


async def until_members(world: World, node: Node, group: GroupId, people: list[Node]) -> None:
    expected = {person.address_text for person in people}

    async def agree() -> bool:
        members = (await node.groups.get(group)).view["members"]
        return {one["address"] for one in members if one["status"] == "joined"} == expected

    await world.until(agree)


async def lines(node: Node, group: GroupId) -> list[StoredMessage]:
    return await node.messages(UserAddress(group))


async def until_texts(world: World, node: Node, group: GroupId, texts: list[str]) -> None:
    async def arrived() -> bool:
        shown = [line.text for line in await lines(node, group)]
        assert len(shown) <= len(texts), shown
        return shown == texts

    await world.until(arrived)


async def test_e2_three_people_found_a_group_and_all_read_what_each_says(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    said = await alice.send_text(UserAddress(group), "welcome")
    await world.until_state("alice", said, "delivered")
    # Bob and Carol are no contacts of each other: their first message is by card.
    answered = await bob.send_text(UserAddress(group), "hello from Bob")
    await world.until_state("bob", answered, "delivered")
    for node in nodes:
        await until_texts(world, node, group, ["welcome", "hello from Bob"])
        assert [line.author for line in await lines(node, group)] == [
            alice.address_text,
            bob.address_text,
        ]
    for one, other in ((bob, carol), (carol, bob)):
        assert other.address_text not in {c.address for c in await one.contacts()}
        assert not [e for e in await one.events(0) if e.type == "contact.requested"]

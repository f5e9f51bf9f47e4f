"""E2: a group of 50, of whom 20 are away when something is said."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_groups import circle, lines, until_members, until_stands
from tests.e2e.world import World
from zentalk.ids import UserAddress
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.store.history.groups import GroupStanding

pytestmark = pytest.mark.e2e

MEMBERS = 50
AWAY = 20


async def test_e2_a_group_of_50_with_20_away_all_49_get_it_once(
    world: World, autojump_clock: Clock
) -> None:
    names = ["alice", *(f"p{number}" for number in range(1, MEMBERS))]
    nodes = await circle(world, *names)
    alice, *others = nodes
    began = trio.current_time()
    row = await alice.groups.found(GroupWish("All", members=tuple(o.address for o in others)))
    place = UserAddress(row.id)
    for node in others:
        await until_stands(world, node, row.id, GroupStanding.INVITED)
        await node.groups.accept(row.id)
    for node in nodes:
        await until_members(world, node, row.id, nodes)
    assert trio.current_time() - began < 60
    for name in names[-AWAY:]:
        await world.crash(name)
    asked = trio.current_time()
    said = await alice.send_text(place, "who is there?")
    assert trio.current_time() == asked
    assert said.state == "queued"
    there = others[:-AWAY]

    async def all_there_have_it() -> bool:
        return all([len(await lines(node, row.id)) == 1 for node in there])

    await world.until(all_there_have_it)
    assert (await alice.message(said.id)).state in ("queued", "sent")
    back = [await world.person(name) for name in names[-AWAY:]]
    await world.until_state("alice", said, "delivered")
    for node in (*there, *back):
        assert [line.text for line in await lines(node, row.id)] == ["who is there?"]
        assert not [e for e in await node.events(0) if e.type == "contact.requested"]

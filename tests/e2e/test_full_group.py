"""A group of 256, made in a minute: what it takes of anybody, and what one text costs."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_groups import circle, lines, until_members, until_stands
from tests.e2e.world import World
from zentalk.ids import UserAddress
from zentalk.mailbox import work
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.node import Node
from zentalk.store.history.groups import GroupStanding

pytestmark = [pytest.mark.e2e, pytest.mark.long]

MEMBERS = 256


async def test_a_group_of_256_is_made_in_a_minute_and_takes_nothing_of_a_pool(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["alice", *(f"p{number}" for number in range(1, MEMBERS))]
    nodes = await circle(world, *names)
    alice, *others = nodes
    used, asked = pools(nodes), count_work(monkeypatch)
    began = trio.current_time()
    row = await alice.groups.found(GroupWish("All", members=tuple(o.address for o in others)))
    for node in others:
        await until_stands(world, node, row.id, GroupStanding.INVITED)
        await node.groups.accept(row.id)
    await until_members(world, alice, row.id, nodes)
    took = trio.current_time() - began
    for node in nodes:
        await until_members(world, node, row.id, nodes)
    known = trio.current_time() - began
    said = await alice.send_text(UserAddress(row.id), "to all 255")
    spoke = trio.current_time()
    await world.until_state("alice", said, "delivered")
    print(f"made {took:.1f} s, known to all {known:.1f} s, read {trio.current_time() - spoke:.1f} s")
    assert took < 60
    for node in others:
        assert [line.text for line in await lines(node, row.id)] == ["to all 255"]
        assert not [e for e in await node.events(0) if e.type == "contact.requested"]
    assert pools(nodes) == used
    assert asked == []


def pools(nodes: list[Node]) -> int:
    """Return how many first messages have ever used up a one-time key."""
    databases = [node._database for node in nodes]  # noqa: SLF001 (no face shows it)
    return sum(
        database.read_now(
            lambda tx: tx.execute("SELECT count(*) FROM prekeys WHERE kind = 'once'").fetchone()[0]
        )
        for database in databases
    )


def count_work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note each search for proof of work from now on."""
    searched: list[int] = []
    find = work.find_work

    def noted(*args: object, **kwargs: object) -> object:
        searched.append(1)
        return find(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "find_work", noted)
    return searched

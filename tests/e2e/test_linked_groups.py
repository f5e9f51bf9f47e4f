"""Groups at a node with a replica: copied with the history, and gone on with after a promotion."""

from __future__ import annotations

import random

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.linked import PHRASE, destroyed, differences, promoted
from tests.e2e.test_groups import circle, founded
from tests.e2e.world import World
from zentalk.crypto.phrase import phrase_secret
from zentalk.ids import GroupId, UserAddress
from zentalk.node.node import Node
from zentalk.store.key_file import load_identity
from zentalk.wire.recovery import seal_identity

pytestmark = pytest.mark.e2e


async def until_said(world: World, node: Node, group: GroupId, texts: list[str]) -> None:
    async def said() -> bool:
        page = await node.messages(UserAddress(group))
        return [line.text for line in page if line.kind == "text"] == texts

    await world.until(said)


async def test_a_group_goes_on_at_the_replica_also_with_members_who_are_no_contacts(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob, carol = await circle(world, "alice", "bob", "carol")
    group = await founded(world, [alice, bob, carol])
    sealed = seal_identity(
        load_identity(world.folder / "bob"), phrase_secret(PHRASE), random.Random(8).randbytes
    )
    await bob.links.keep_recovery(sealed)
    await world.replica("bob two", (await bob.links.open()).code)
    texts = ["from alice", "from bob", "from carol"]
    for node, text in zip((alice, bob, carol), texts, strict=True):
        await node.send_text(UserAddress(group), text)
        await until_said(world, bob, group, texts[: texts.index(text) + 1])
        await until_said(world, carol, group, texts[: texts.index(text) + 1])
    await world.until(lambda: not differences(world, "bob", "bob two"))
    replica = world.nodes["bob two"]
    await until_said(world, replica, group, texts)
    assert [one.id for one in await replica.groups.every()] == [group]
    written = await replica.send_text(UserAddress(group), "from the replica")
    assert written.state == "pending"
    for node in (alice, bob, carol, replica):
        await until_said(world, node, group, [*texts, "from the replica"])
    await world.until(lambda: not differences(world, "bob", "bob two"))
    await destroyed(world, "bob")
    second = await promoted(world)
    texts += ["from the replica", "from the second", "to the second", "and from carol"]
    for node, text in zip((second, alice, carol), texts[-3:], strict=True):
        await node.send_text(UserAddress(group), text)
        for other in (alice, second, carol):
            await until_said(world, other, group, texts[: texts.index(text) + 1])

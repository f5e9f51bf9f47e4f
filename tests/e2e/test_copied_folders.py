"""Two nodes that were started from copies of one folder notice it, and say so."""

from __future__ import annotations

import shutil

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from zentalk.mailbox.commands import CloseCollector
from zentalk.node.linked.status import OUTDONE
from zentalk.node.mailboxes import collector
from zentalk.node.mailboxes.copies import NOTE
from zentalk.node.replica.promotion import promote
from zentalk.relay.mailbox.collectors import Collectors

pytestmark = pytest.mark.e2e

TEXTS = [f"to one of you {number}" for number in range(4)]


async def copied(world: World) -> None:
    """Bob's folder is copied while his node is off; then both are started."""
    await acquainted(world)
    await world.crash("bob")
    shutil.copytree(world.folder / "bob", world.folder / "bob again")
    await world.person("bob")
    await world.person("bob again")


async def told(world: World, name: str) -> bool:
    """Tell whether somebody has been warned, by a note and by one event."""
    node = world.nodes[name]
    log = [event for event in await node.events(0) if event.type == "node.copied"]
    assert [event.data for event in log] == [{"note": NOTE}] * len(log)
    assert len(log) <= 1
    return bool(log) and NOTE in node.status().notes


async def test_both_are_told_before_mail_of_one_is_missing_at_the_other(
    world: World, autojump_clock: Clock
) -> None:
    await copied(world)
    for name in ("bob", "bob again"):

        async def is_told(name: str = name) -> bool:
            return await told(world, name)

        await world.until(is_told, 120)
    for text in TEXTS:
        await world.send("alice", "bob", text)
    received: set[str] = set()

    async def everything_is_somewhere() -> bool:
        for name in ("bob", "bob again"):
            received.update(await world.inbox(name, "alice"))
        return received >= set(TEXTS)

    await world.until(everything_is_somewhere)


async def test_control_who_takes_no_notice_misses_mail_and_is_not_told(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(collectors: Collectors, command: CloseCollector) -> None:
        link = collectors._links.pop(command.collector, None)
        if link is not None:
            del collectors._numbers[link]
            link.close()

    monkeypatch.setattr(Collectors, "close", close)
    monkeypatch.setattr(collector, "STALE", "not a word of theirs")
    await copied(world)
    for text in TEXTS:
        await world.send("alice", "bob", text)
    await trio.sleep(120)
    inboxes = [set(await world.inbox(name, "alice")) for name in ("bob", "bob again")]
    assert not all(set(TEXTS) <= inbox for inbox in inboxes), "one misses some"
    assert not [name for name in ("bob", "bob again") if await told(world, name)]


async def test_the_copy_that_is_promoted_goes_on_and_the_other_finds_out_and_is_silent(
    world: World, autojump_clock: Clock
) -> None:
    await copied(world)
    await world.crash("bob again")
    assert promote(world.folder / "bob again", "", world.runtime.wall()) == 1
    await world.person("bob again")
    other = world.nodes["bob"]
    await world.until(lambda: OUTDONE in other.status().notes, 300)
    for text in TEXTS:
        await world.send("alice", "bob", text)

    async def everything_is_there() -> bool:
        return set(await world.inbox("bob again", "alice")) >= set(TEXTS)

    await world.until(everything_is_there)
    await world.crash("bob")
    again = await world.person("bob", ready=False)
    await world.until(lambda: OUTDONE in again.status().notes, 1)
    assert set(await world.inbox("bob", "alice")).isdisjoint(TEXTS)


async def test_control_a_copy_that_only_runs_leaves_both_collecting(
    world: World, autojump_clock: Clock
) -> None:
    await copied(world)
    await trio.sleep(300)
    for name in ("bob", "bob again"):
        assert OUTDONE not in world.nodes[name].status().notes


async def test_one_that_starts_again_and_again_warns_of_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    for _ in range(3):
        await world.crash("bob")
        await world.person("bob")
    await trio.sleep(60)
    assert not await told(world, "bob")

"""Two nodes of one owner: one history at both, row for row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.store.history import feed

pytestmark = pytest.mark.e2e


def rows(world: World, name: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything of a history that is in the feed, in order."""
    path = world.folder / name / "history.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = {}
        for table, place in feed.SYNCED.items():
            where = f"WHERE {place.only or 'TRUE'}"
            if place.person:
                links = "SELECT address FROM links WHERE address IS NOT NULL"
                where += f" AND {place.person} NOT IN ({links})"
            query = f"SELECT {place.columns} FROM {table} {where} ORDER BY {', '.join(place.key)}"
            found[table] = connection.execute(query).fetchall()
        return found


def differences(world: World, one: str, other: str) -> list[str]:
    """Return the tables that differ."""
    left, right = rows(world, one), rows(world, other)
    return [table for table in left if left[table] != right[table]]


async def acquainted(world: World) -> None:
    await world.relay_net(5)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    message = await world.send("alice", "bob", "hello")
    await world.until_state("alice", message, "delivered")


async def linked(world: World) -> None:
    """Bob has a replica, which has his history."""
    await acquainted(world)
    code = await world.nodes["bob"].links.open()
    await world.replica("bob two", code.code)
    await world.until(lambda: not differences(world, "bob", "bob two"))


async def texts(world: World, name: str) -> list[str]:
    page = await world.nodes[name].messages(world.nodes["alice"].address, None, 1000)
    return [line.text for line in page if line.kind == "text"]


async def test_a_replica_has_the_history_row_for_row_and_follows(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    assert await texts(world, "bob two") == ["hello"]
    sent = await world.send("bob", "alice", "to alice")
    await world.until_state("bob", sent, "delivered")
    await world.nodes["bob"].chat.react(world.nodes["alice"].address, sent.id, "👍")
    await world.until(lambda: not differences(world, "bob", "bob two"))
    assert await texts(world, "bob two") == ["hello", "to alice"]
    assert len(await world.nodes["bob"].contacts()) == 1
    assert [one.name for one in await world.nodes["bob two"].contacts()] == ["alice"]
    state = await world.nodes["bob"].links.state()
    assert state.role == "first"
    assert (await world.nodes["bob two"].links.state()).role == "replica"


async def a_day_later(world: World, *names: str) -> None:
    """Let a day pass in which every program is off; then the relays come back, and these nodes."""
    everybody = [*world.nodes, *world.relays]
    for name in everybody:
        await world.crash(name)
    await trio.sleep(DAY_SECONDS)
    for name in list(world.relays):
        await world.relay(name)
    for name in names:
        await world.person(name)


async def test_apart_for_three_days_with_both_in_use_then_together_they_have_one_history(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    alice, bob = world.nodes["alice"].address, world.nodes["bob"].address
    for relay in world.relays:
        world.memory.cut("bob two", relay)
    for day in range(3):
        await a_day_later(world, "alice", "bob")
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            message = await world.send(sender, reader, f"day {day} from {sender}")
            await world.until_state(sender, message, "delivered")
        replica = await world.person("bob two", ready=False)
        line = await replica.send_text(alice, f"day {day} from the replica")
        assert (line.state, line.seq) == ("pending", 0)
        await trio.sleep(1)
    first = (await world.nodes["bob"].messages(alice))[0]
    await replica.chat.react(alice, first.id, "👋")
    shown = await texts(world, "bob two")
    assert shown == ["hello", *(f"day {day} from the replica" for day in range(3))]
    assert len(await texts(world, "bob")) == 7
    for relay in world.relays:
        world.memory.mend("bob two", relay)

    async def placed() -> bool:
        return len(await texts(world, "bob")) == 10 and not differences(world, "bob", "bob two")

    await world.until(placed)
    assert await texts(world, "bob two") == await texts(world, "bob")
    assert (await texts(world, "bob"))[:7] == [
        "hello",
        *(f"day {day} from {who}" for day in range(3) for who in ("alice", "bob")),
    ], "an order that was shown is not changed"

    async def arrived() -> bool:
        page = await world.nodes["alice"].messages(bob)
        read = [line.text for line in page if line.direction == "in" and line.kind == "text"]
        return sorted(read) == sorted(
            f"day {day} from {who}" for day in range(3) for who in ("bob", "the replica")
        )

    await world.until(arrived)
    lines = await world.nodes["alice"].messages(bob)
    assert [one["emoji"] for one in lines[0].reactions] == ["👋"]
    assert (await world.nodes["bob two"].links.state()).pending == 0

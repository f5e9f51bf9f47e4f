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
                where += f" AND {place.person} NOT IN (SELECT address FROM links WHERE address IS NOT NULL)"
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
    try:
        await world.until(lambda: not differences(world, "bob", "bob two"), 100)
    except BaseException:
        print(differences(world, "bob", "bob two"))
        l, r = rows(world, "bob"), rows(world, "bob two")
        for t in differences(world, "bob", "bob two"):
            print(t, l[t], r[t])
        for p in ("bob/history.db", "bob two/linked/history.db"):
            c = sqlite3.connect(world.folder / p)
            for t in ("links", "sync_inbox", "outbox", "contacts"):
                print(p, t, c.execute(f"select * from {t}").fetchall())
            print(c.execute("select count(*), max(number) from sync_changes").fetchall())
        print(await world.nodes["bob two"].links.state())
        raise
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

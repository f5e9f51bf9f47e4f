"""Two nodes of one owner for tests: linked, compared row for row, destroyed, promoted."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from typing import Any

import trio

from tests.e2e.world import World
from zentalk.crypto.phrase import make_phrase, phrase_secret
from zentalk.ids import DAY_SECONDS
from zentalk.node.node import Node
from zentalk.node.replica.promotion import promote
from zentalk.store.history import feed
from zentalk.store.key_file import load_identity
from zentalk.wire.recovery import seal_identity

PHRASE = make_phrase(12, random.Random(7).randbytes)


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


async def synced(world: World) -> None:
    """Wait until the replica has all that the first has."""
    await world.until(lambda: not differences(world, "bob", "bob two"))


async def acquainted(world: World, **settings: Any) -> None:
    """Alice and bob have written to each other."""
    await world.relay_net(5)
    await world.person("alice")
    await world.person("bob", **settings)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(sender, reader, f"hello from {sender}")
        await world.until_state(sender, message, "delivered")


async def linked(world: World, **settings: Any) -> None:
    """Bob has a recovery phrase, and a replica that has his history."""
    await acquainted(world, **settings)
    bob = world.nodes["bob"]
    identity = load_identity(world.folder / "bob")
    sealed = seal_identity(identity, phrase_secret(PHRASE), random.Random(8).randbytes)
    await bob.links.keep_recovery(sealed)
    await world.replica("bob two", (await bob.links.open()).code)
    await synced(world)


async def destroyed(world: World, name: str) -> None:
    """A node is gone with all that it had."""
    await world.crash(name)
    shutil.rmtree(world.folder / name)


async def promoted(world: World, name: str = "bob two", phrase: str = PHRASE) -> Node:
    """Promote a node, and start it."""
    await world.crash(name)
    promote(world.folder / name, phrase, world.runtime.wall())
    return await world.person(name)


def cut_off(world: World, name: str, *, cut: bool = True) -> None:
    """Cut a node off from all relays, or join it again."""
    for relay in world.relays:
        (world.memory.cut if cut else world.memory.mend)(name, relay)


async def a_day_later(world: World, *names: str) -> None:
    """Let a day pass in which every program is off; then the relays come back, and these nodes."""
    for name in [*world.nodes, *world.relays]:
        await world.crash(name)
    await trio.sleep(DAY_SECONDS)
    for name in list(world.relays):
        await world.relay(name)
    for name in names:
        await world.person(name)


async def texts(world: World, name: str, direction: str = "") -> list[str]:
    """Return the texts of the conversation between alice and bob at one node."""
    address = world.nodes["alice" if name.startswith("bob") else "bob"].address
    page = await world.nodes[name].messages(address, None, 1000)
    return [one.text for one in page if one.kind == "text" and direction in ("", one.direction)]

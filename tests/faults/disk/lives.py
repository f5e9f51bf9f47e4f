"""The exchange that the disk tests listen to: mail to somebody online, away and back."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.e2e.world import World
from zentalk.store import sqlite


async def exchange(world: World, *, rounds: int | None = 1, texts: int = 4) -> None:
    """Let Alice and Bob write while Bob comes and goes; for ever if `rounds` is None."""
    await world.relay_net(3)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for number in itertools.count() if rounds is None else range(rounds):
        online = [await world.send("alice", "bob", f"{number}.{n} online") for n in range(texts)]
        back = [await world.send("bob", "alice", f"{number}.{n} back") for n in range(texts)]
        await world.until_state("alice", online[-1], "delivered")
        await world.until_state("bob", back[-1], "delivered")
        await world.crash("bob")
        away = [await world.send("alice", "bob", f"{number}.{n} away") for n in range(texts)]
        await world.until_state("alice", away[-1], "sent")
        await trio.sleep(10)
        await world.person("bob")
        await world.until_state("alice", away[-1], "delivered")


def live(folder: Path, *, rounds: int | None = 1, seed: int = 1) -> None:
    """Run the exchange in virtual time, with whole relays and nodes, in `folder`."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await exchange(World(folder, nursery, seed), rounds=rounds)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@contextmanager
def without_sync() -> Iterator[None]:
    """Open databases as somebody would who likes them fast."""

    def careless(connection: sqlite3.Connection, *, read_only: bool) -> None:
        original(connection, read_only=read_only)
        connection.execute("PRAGMA synchronous = OFF")

    original = sqlite._configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "_configure", careless)
        yield

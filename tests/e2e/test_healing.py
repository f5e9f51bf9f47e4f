"""Lost ratchets heal by themselves, and nobody else can bring a renewal about (K33)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.node import ordering
from zentalk.node.healing import Healing
from zentalk.store.history.messages import RATCHET_RENEWED

pytestmark = pytest.mark.e2e


async def lose(world: World, name: str, *queries: str) -> None:
    """Let somebody come back without what the queries delete."""
    await world.crash(name)
    with closing(sqlite3.connect(world.folder / name / "history.db")) as database:
        for query in queries:
            database.execute(query)
        database.commit()
    await world.person(name)


async def copy_folder(world: World, name: str) -> None:
    """Copy somebody's data folder, as a backup of the files does."""
    await world.crash(name)
    shutil.copytree(world.folder / name, world.folder / f"{name} before")
    await world.person(name)


async def restore_folder(world: World, name: str) -> None:
    """Let somebody go on from the copy."""
    await world.crash(name)
    shutil.rmtree(world.folder / name)
    shutil.copytree(world.folder / f"{name} before", world.folder / name)
    await world.person(name)


async def talk(world: World, turns: int, prefix: str) -> list[str]:
    """Write by turns until each has arrived, so that both ratchets step; return Alice's texts."""
    texts = []
    for number in range(turns):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            message = await world.send(sender, reader, f"{prefix} {number} {sender}")
            await world.until_state(sender, message, "delivered")
        texts.append(f"{prefix} {number} alice")
    return texts


async def received(world: World, reader: str, sender: str) -> list[str]:
    """Return the texts that came, in order, without the lines that nobody wrote."""
    page = await world.nodes[reader].messages(world.nodes[sender].address, None, 1000)
    return [line.text for line in page if line.direction == "in" and line.kind == "text"]


async def renewals(world: World, name: str, other: str) -> int:
    """Count the lines about renewed ratchets in somebody's history."""
    page = await world.nodes[name].messages(world.nodes[other].address, None, 1000)
    return sum(line.kind == RATCHET_RENEWED for line in page)


async def all_arrive(
    world: World, sender: str, reader: str, texts: list[str], seconds: float = 120.0
) -> None:
    """Send texts; each must be delivered in time, and enter the history once."""
    before = await received(world, reader, sender)
    sent = [await world.send(sender, reader, text) for text in texts]
    with trio.fail_after(seconds):
        for message in sent:
            await world.until_state(sender, message, "delivered")
    await trio.sleep(ordering.HOLD_SECONDS + 1)  # for those that the lost life has counted
    after = await received(world, reader, sender)
    assert sorted(after) == sorted(before + texts)


# --- a part of the database is lost ---------------------------------------------------------------


async def test_k33_a_reader_without_its_ratchets_heals_within_one_exchange(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1", "2", "3"])
    await all_arrive(world, "bob", "alice", ["4", "5"])
    for name, other in (("alice", "bob"), ("bob", "alice")):
        assert await renewals(world, name, other) == 1


async def test_k33_control_without_renewal_the_same_loss_never_heals(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Healing, "run", forever)
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    for text in ("1", "2", "3"):
        await world.send("alice", "bob", text)
    await trio.sleep(7 * DAY_SECONDS)
    assert await received(world, "bob", "alice") == ["hello"]


async def forever(_healing: Healing) -> None:
    await trio.sleep_forever()


async def test_a_writer_without_its_ratchets_heals_with_the_next_message(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await lose(world, "alice", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1"])
    await all_arrive(world, "bob", "alice", ["2"])


async def test_a_single_message_that_cannot_be_read_is_delivered_within_days(
    world: World, autojump_clock: Clock
) -> None:
    """One envelope is too little for its reader to act: its writer encrypts it once a day anew."""
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["alone"], 3 * DAY_SECONDS)


# --- an old copy of a folder is restored ----------------------------------------------------------

Restored = Callable[[World], Awaitable[None]]


async def restored(world: World, *names: str) -> None:
    """People talk, are copied, talk on, and some of them go back to the copy."""
    await acquainted(world)
    for name in names:
        await copy_folder(world, name)
    await talk(world, 3, "forgotten")
    for name in names:
        await restore_folder(world, name)


@pytest.mark.parametrize(
    "names", [("alice",), ("bob",), ("alice", "bob")], ids=["writer", "reader", "both"]
)
async def test_k33_an_old_copy_of_a_folder_heals_and_nothing_new_is_lost_or_shown_twice(
    world: World, autojump_clock: Clock, names: tuple[str, ...]
) -> None:
    await restored(world, *names)
    await all_arrive(world, "alice", "bob", [f"new {number}" for number in range(4)])
    await all_arrive(world, "bob", "alice", [f"answer {number}" for number in range(4)])
    await trio.sleep(120)
    for reader, sender in (("bob", "alice"), ("alice", "bob")):
        texts = await received(world, reader, sender)
        assert len(texts) == len(set(texts))

"""An API node whose disk is full, or that is offline for long: it lives on and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import StorageFullError
from zentalk.node.mailboxes import manager, replacements, selection
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.node.node import Node

pytestmark = pytest.mark.e2e


@contextmanager
def full_disk(node: Node) -> Iterator[None]:
    """Let the database not grow by a single page."""
    connection = node._database._connection
    [before] = connection.execute("PRAGMA max_page_count").fetchone()
    connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it what is used already
    yield
    connection.execute(f"PRAGMA max_page_count = {before}")


def is_full(node: Node) -> bool:
    """Tell whether the owner is told that the disk is full."""
    return any("is full" in note for note in node.status().notes)


async def friends(world: World, relays: int) -> None:
    await world.relay_net(relays)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    hello = await world.send("alice", "bob", "hello")
    await world.until_state("alice", hello, "delivered")


@pytest.fixture
def soon_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a mailbox relay that stays away be replaced after a quarter of the time as shipped."""
    monkeypatch.setattr(replacements, "REPLACE_AFTER_SECONDS", 150.0)


@pytest.mark.usefixtures("soon_replaced")
async def test_a_reader_whose_disk_is_full_gets_everything_when_there_is_room(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 5)
    bob, before = world.nodes["bob"], world.mailbox_relays("bob")
    with full_disk(bob):
        sent = [await world.send("alice", "bob", f"{n}" * 30_000) for n in range(4)]
        with pytest.raises(StorageFullError):
            await bob.send_text(world.nodes["alice"].address, "x" * 60_000)
        # Longer than after which a mailbox relay that stays away would be replaced.
        await trio.sleep(2 * replacements.REPLACE_AFTER_SECONDS)
        # Small writes still find a place now and then: it comes and goes.
        await world.until(lambda: is_full(bob))
        state = (await world.nodes["alice"].message(sent[-1].id)).state
        assert state != "delivered"
    for message in sent:
        await world.until_state("alice", message, "delivered")
    await world.until_inbox("bob", "alice", ["hello", *[f"{n}" * 30_000 for n in range(4)]])
    assert not is_full(bob)
    assert world.mailbox_relays("bob") == before


async def test_a_sender_whose_disk_fills_up_later_keeps_sending_what_it_has(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 5)
    await world.crash("bob")
    alice = world.nodes["alice"]
    sent = [await world.send("alice", "bob", f"{n}") for n in range(3)]
    with full_disk(alice):
        await trio.sleep(120)
        await world.person("bob")
        await world.until_inbox("bob", "alice", ["hello", "0", "1", "2"])
    for message in sent:
        await world.until_state("alice", message, "delivered")


async def offline_for_long(world: World) -> int:
    """Return how many mailboxes bob has after it."""
    await friends(world, 4)
    for relay in world.relays:
        world.memory.cut("bob", relay)
    await trio.sleep(2.5 * replacements.REPLACE_AFTER_SECONDS)
    count = await world.nodes["bob"]._database.read(
        lambda tx: tx.execute("SELECT count(*) FROM own_mailboxes").fetchone()[0]
    )
    for relay in world.relays:
        world.memory.mend("bob", relay)
    sent = await world.send("alice", "bob", "good morning")
    await world.until_state("alice", sent, "delivered")
    return int(count)


@pytest.mark.usefixtures("soon_replaced")
async def test_a_node_that_is_offline_keeps_its_mailboxes(
    world: World, autojump_clock: Clock
) -> None:
    assert await offline_for_long(world) == 2


@pytest.mark.usefixtures("soon_replaced")
async def test_control_without_looking_at_its_own_links_it_makes_new_ones(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailboxManager, "_fault_is_ours", lambda _self: False)
    assert await offline_for_long(world) > 2


async def test_a_replaced_mailbox_is_let_go_after_its_time(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacements, "REPLACE_AFTER_SECONDS", 60.0)
    monkeypatch.setattr(manager, "POLL_REPLACED_SECONDS", 600.0)
    monkeypatch.setattr(selection, "POLL_REPLACED_SECONDS", 600.0)
    await friends(world, 4)
    [dead, _] = world.mailbox_relays("bob")
    await world.crash(dead)
    await trio.sleep(300)
    assert dead not in world.mailbox_relays("bob")
    served = world.nodes["bob"].mailboxes._served
    assert len(served) == 3
    await world.relay(dead)  # it comes back too late
    await trio.sleep(600)
    assert len(served) == 2
    sent = await world.send("alice", "bob", "still here?")
    await world.until_state("alice", sent, "delivered")

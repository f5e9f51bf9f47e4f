"""What a sender is told of as delivered, the recipient sees at that moment (reported case R8)."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.reconfirming import ROUND_SECONDS
from zentalk.node.messages import ordering
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.kinds import stored
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.store.history import confirmations
from zentalk.store.history.models import StoredMessage
from zentalk.store.sqlite import Transaction

pytestmark = pytest.mark.e2e

TEXTS = [f"new {number}" for number in range(8)]


async def acquainted(world: World) -> None:
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")


async def delivered(world: World, sent: list[StoredMessage]) -> list[str]:
    """Which of these texts are delivered, as Alice is told."""
    alice = world.nodes["alice"]
    found = [await alice.message(message.id) for message in sent]
    return [message.text for message in found if message.state == "delivered"]


async def told_too_early(world: World, sent: list[StoredMessage]) -> set[str]:
    """Wait until all is delivered; which texts were so before Bob's history showed them?"""
    early: set[str] = set()

    async def everything() -> bool:
        told = await delivered(world, sent)
        early.update(set(told) - set(await world.inbox("bob", "alice")))
        return len(told) == len(sent)

    await world.until(everything)
    return early


# --- a restored folder ---------------------------------------------------------------------------


async def written_to_a_restored_folder(world: World) -> list[StoredMessage]:
    """Bob goes back to a copy that lacks what Alice wrote since, and Alice goes on writing."""
    await acquainted(world)
    await world.crash("bob")
    shutil.copytree(world.folder / "bob", world.folder / "backup")
    await world.person("bob")
    for number in range(3):
        forgotten = await world.send("alice", "bob", f"forgotten {number}")
        await world.until_state("alice", forgotten, "delivered")
    await world.crash("bob")
    shutil.rmtree(world.folder / "bob")
    shutil.copytree(world.folder / "backup", world.folder / "bob")
    await world.person("bob")
    return [await world.send("alice", "bob", text) for text in TEXTS]


async def test_r8_what_a_restored_folder_holds_back_is_delivered_once_it_is_shown(
    world: World, autojump_clock: Clock
) -> None:
    sent = await written_to_a_restored_folder(world)
    assert await told_too_early(world, sent) == set()
    assert await world.inbox("bob", "alice") == ["hello", *TEXTS]


async def test_r8_control_confirmed_while_held_it_is_delivered_long_before(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "keep", confirm_at_once)
    sent = await written_to_a_restored_folder(world)
    assert await told_too_early(world, sent)


def confirm_at_once(tx: Transaction, incoming: Incoming, now: float) -> KindResult:
    """Put a message in its place, as an earlier version did."""
    contact, content = incoming.sender.address, incoming.content
    ordering.receive(tx, contact, content, incoming.raw, now, confirmed=True)
    return KindResult(content.message_id)


# --- a gap that stays ----------------------------------------------------------------------------


async def written_after_a_gap(world: World) -> list[StoredMessage]:
    """Alice writes under numbers whose predecessors nobody will ever send."""
    await acquainted(world)
    await world.crash("alice")
    with closing(sqlite3.connect(world.folder / "alice" / "history.db")) as database:
        database.execute("UPDATE contacts SET next_sequence = next_sequence + 2")
        database.commit()
    await world.person("alice")
    return [await world.send("alice", "bob", text) for text in TEXTS]


async def test_r8_while_a_gap_lasts_nothing_behind_it_is_shown_or_delivered(
    world: World, autojump_clock: Clock
) -> None:
    sent = await written_after_a_gap(world)
    await trio.sleep(ordering.HOLD_SECONDS - 5)
    assert await delivered(world, sent) == []
    assert await world.inbox("bob", "alice") == ["hello"]
    assert await told_too_early(world, sent) == set()
    page = await world.nodes["bob"].messages(world.nodes["alice"].address)
    assert [line.missing for line in page if line.text == TEXTS[0]] == [2]


async def dies_when_the_gap_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> list[StoredMessage]:
    """Bob dies when what he held is shown, and the confirmation of it has not left."""
    sent = await written_after_a_gap(world)
    carry_out, deaths = Outbox.carry_out, [0]

    async def dying(outbox: Outbox, effects: CommitEffects) -> None:
        if outbox is world.nodes["bob"]._outbox and effects.best_effort and not any(deaths):
            deaths[0] += 1
            world.memory.kill("bob")
            world._scopes["bob"].cancel()
            await trio.sleep_forever()
        await carry_out(outbox, effects)

    monkeypatch.setattr(Outbox, "carry_out", dying)
    await world.until(lambda: any(deaths))
    await trio.testing.wait_all_tasks_blocked()
    world.memory.revive("bob")
    await world.person("bob")
    # Everything was acknowledged by relay and reader long ago: nobody sends it again for a day.
    assert await world.inbox("bob", "alice") == ["hello", *TEXTS]
    assert await delivered(world, sent) == []
    return sent


async def test_r8_a_node_that_dies_between_showing_and_confirming_confirms_in_its_next_life(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await dies_when_the_gap_is_given_up(world, monkeypatch)
    await trio.sleep(2 * ROUND_SECONDS)
    assert await delivered(world, sent) == TEXTS


async def test_r8_control_without_a_look_at_the_disk_its_sender_waits(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmations, "owe_unacknowledged", lambda tx: None)
    sent = await dies_when_the_gap_is_given_up(world, monkeypatch)
    await trio.sleep(2 * ROUND_SECONDS)
    assert await delivered(world, sent) == []

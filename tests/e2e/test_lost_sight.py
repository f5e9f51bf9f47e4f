"""Mailboxes that go while nobody can say where the new ones are: mail still arrives."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_moving import acquainted
from tests.e2e.world import World
from zentalk.node.delivery.recipients import RecoveryRequests
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e

SOON = 400.0
"""By when a record was looked at twice (seconds): the first time its owner may still be looking for
other relays."""


async def delivered(world: World, sender: str, message: StoredMessage) -> None:
    async def reached() -> bool:
        return (await world.nodes[sender].message(message.id)).state == "delivered"

    await world.until(reached, SOON)


async def end_mailboxes(world: World, *names: str) -> None:
    """End the relays of people's mailboxes, for good."""
    for relay in sorted({relay for name in names for relay in world.mailbox_relays(name)}):
        await world.crash(relay)


async def write_both_ways(world: World) -> list[tuple[str, StoredMessage]]:
    """All mailboxes of two contacts go at once; each writes to the other."""
    await acquainted(world, 8)
    await end_mailboxes(world, "alice", "bob")
    pairs = (("alice", "bob"), ("bob", "alice"))
    return [(sender, await world.send(sender, reader, "later")) for sender, reader in pairs]


async def write_to_a_stranger_who_moves(world: World) -> StoredMessage:
    """Bob has not answered, so that Alice knows his mailboxes from his record, as it was."""
    await world.relay_net(7)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.send("alice", "bob", "1")
    await world.until_inbox("bob", "alice", ["1"])
    await end_mailboxes(world, "bob")
    await trio.sleep(60)
    return await world.send("alice", "bob", "2")


async def test_contacts_who_lose_all_mailboxes_at_once_find_each_other(
    world: World, autojump_clock: Clock
) -> None:
    """Neither can be told of the other's new mailboxes: the user records name them."""
    for sender, message in await write_both_ways(world):
        await delivered(world, sender, message)
        sent = await world.send(sender, "bob" if sender == "alice" else "alice", "more")
        await delivered(world, sender, sent)
    for reader, writer in (("bob", "alice"), ("alice", "bob")):
        texts = await world.inbox(reader, writer)
        assert sorted(texts[-2:]) == ["later", "more"]
        assert texts.count("later") == 1


@pytest.mark.long  # Nothing ends it early, as it does the test above.
async def test_contacts_who_lose_all_mailboxes_without_records_are_lost_to_each_other_control(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecoveryRequests, "silent", lambda _requests, _contact: None)
    sent = await write_both_ways(world)
    await trio.sleep(SOON)
    states = [(await world.nodes[name].message(one.id)).state for name, one in sent]
    assert states == ["queued", "queued"]


async def test_a_stranger_who_moves_is_written_to_at_the_new_mailboxes(
    world: World, autojump_clock: Clock
) -> None:
    message = await write_to_a_stranger_who_moves(world)
    await world.until_inbox("bob", "alice", ["1", "2"])
    await world.until_state("alice", message, "sent")


async def test_a_stranger_who_moves_is_lost_without_another_look_at_the_record_control(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecoveryRequests, "silent", lambda _requests, _contact: None)
    await write_to_a_stranger_who_moves(world)
    await trio.sleep(SOON)
    assert await world.inbox("bob", "alice") == ["1"]

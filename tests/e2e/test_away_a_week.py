"""Somebody who was on for one day only, and away for longer than such a mailbox is kept (K45)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import NEW_MAILBOX_IDLE_SECONDS
from zentalk.node.mailboxes.pools import MailboxPools
from zentalk.store.history.models import OwnSendId, StoredMessage

pytestmark = pytest.mark.e2e

HOUR_SECONDS = 3_600
AWAY_SECONDS = 8 * DAY_SECONDS


async def talk_and_leave(world: World) -> StoredMessage:
    """Bob meets Alice and leaves on his first day; what she writes then waits at both mailboxes."""
    assert AWAY_SECONDS > NEW_MAILBOX_IDLE_SECONDS
    await world.relay_net(4)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(sender, reader, "hello")
        await world.until_state(sender, message, "delivered")
    await world.crash("bob")
    written = await world.send("alice", "bob", "while you were away")
    await world.until_state("alice", written, "sent")
    await world.until(lambda: sorted(world.holders()) == sorted(world.mailbox_relays("bob")))
    return written


async def everything_is_off(world: World, seconds: float) -> None:
    """Let Alice and all relays be off as well; then only the relays come back."""
    relays = list(world.relays)
    for name in ("alice", *relays):
        await world.crash(name)
    await trio.sleep(seconds)
    for name in relays:
        await world.relay(name)


def left(world: World) -> int:
    """Count the mailboxes that relays still have."""
    return sum(len(world.rows(relay, "SELECT 1 FROM mailbox")) for relay in world.relays)


async def test_k45_who_was_there_for_one_day_and_away_for_eight_is_reached_again_by_itself(
    world: World, autojump_clock: Clock
) -> None:
    written = await talk_and_leave(world)
    await everything_is_off(world, AWAY_SECONDS)
    assert left(world) == 0, "what was opened on one day only was given up"
    for name in ("bob", "alice"):
        await world.person(name)
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(sender, reader, "back again")
        await world.until_state(sender, message, "delivered")
    await world.until_state("alice", written, "delivered")
    assert await world.inbox("bob", "alice") == ["hello", "while you were away", "back again"]


@pytest.mark.long
async def test_k45_a_contact_who_is_on_when_a_mailbox_ends_sends_again_what_waited_there(
    world: World, autojump_clock: Clock
) -> None:
    """Both relays have acknowledged it, so that it is deposited again once a day only."""
    written = await talk_and_leave(world)
    await everything_is_off(world, NEW_MAILBOX_IDLE_SECONDS - 2 * HOUR_SECONDS)
    await world.person("alice")
    assert world.holders()
    await trio.sleep(4 * HOUR_SECONDS)
    assert not world.holders()
    await world.person("bob")
    await world.until_state("alice", await world.send("alice", "bob", "at once"), "delivered")

    async def arrived() -> bool:
        return (await world.nodes["alice"].message(written.id)).state == "delivered"

    await world.until(arrived, DAY_SECONDS + HOUR_SECONDS)


async def test_k45_control_a_node_that_registers_no_contacts_again_is_not_reached(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk_and_leave(world)
    await everything_is_off(world, AWAY_SECONDS)
    batches = MailboxPools._batches

    async def without_contacts(pools: MailboxPools) -> list[list[OwnSendId]]:
        return [[row for row in batch if row.contact is None] for batch in await batches(pools)]

    monkeypatch.setattr(MailboxPools, "_batches", without_contacts)
    for name in ("bob", "alice"):
        await world.person(name)
    message = await world.send("alice", "bob", "back again")
    await trio.sleep(300)
    assert (await world.nodes["alice"].message(message.id)).state == "queued"

"""Mail that waits for longer than the default, with nobody running in between."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import MAX_TTL_SECONDS
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.messages import confirmations
from zentalk.node.messages.effects import BestEffortInner

pytestmark = pytest.mark.e2e

LONG = 60 * DAY_SECONDS


async def acquainted(world: World) -> None:
    """Alice and bob write to each other's own send ids; mail of both may wait for 60 days."""
    assert LONG <= MAX_TTL_SECONDS
    await world.relay_net(4, queue_ttl_seconds=LONG)
    for name in ("alice", "bob"):
        await world.person(name, message_ttl_seconds=LONG)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice"), ("alice", "bob")):
        message = await world.send(sender, reader, "hello")
        await world.until_state(sender, message, "delivered")
    await on_a_second_day(world, "alice", "bob")


async def on_a_second_day(world: World, *names: str) -> None:
    """Let everything be off for a day and come back, so that mailboxes are kept for longer."""
    for name in names:
        await world.crash(name)
    await nobody_runs(world, 1)
    for name in names:
        await world.person(name, message_ttl_seconds=LONG)


async def nobody_runs(world: World, days: int) -> None:
    """Let days pass in which every program is off; then only the relays come back."""
    relays = list(world.relays)
    for name in relays:
        await world.crash(name)
    await trio.sleep(days * DAY_SECONDS)
    for name in relays:
        await world.relay(name, queue_ttl_seconds=LONG)


async def test_mail_is_collected_from_a_replaced_mailbox_for_as_long_as_it_may_live(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    left = world.mailbox_relays("bob")
    await world.crash("alice")
    await world.nodes["bob"].mailboxes.move(None)
    await world.until(lambda: not set(world.mailbox_relays("bob")) & set(left))
    await world.crash("bob")
    await world.person("alice", message_ttl_seconds=LONG)
    await world.send("alice", "bob", "45 days ago")
    await world.until(lambda: sorted(world.holders()) == sorted(left))
    await world.crash("alice")
    await nobody_runs(world, 45)
    await world.person("bob", ready=False)
    await world.until_inbox("bob", "alice", ["hello", "hello", "45 days ago"])


def count_known(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that grows with each envelope that is known to have been read before."""
    repeated, known = confirmations.repeated, []

    def watched(*arguments: Any) -> BestEffortInner | None:
        known.append(trio.current_time())
        return repeated(*arguments)

    monkeypatch.setattr(confirmations, "repeated", watched)
    return known


async def test_a_copy_that_comes_late_is_known_for_as_long_as_it_may_live(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    with monkeypatch.context() as patch:
        patch.setattr(Collector, "acknowledge", lambda self, seqs: None)
        message = await world.send("alice", "bob", "once")
        await world.until_state("alice", message, "delivered")
        await world.until(lambda: set(world.mailbox_relays("bob")) & set(world.holders()))
        for name in ("alice", "bob"):
            await world.crash(name)
    await nobody_runs(world, 50)
    known = count_known(monkeypatch)
    bob = await world.person("bob", ready=False)
    await world.until(lambda: known)
    assert bob._parts.incoming.receiver.undecryptable == 0
    page = await world.nodes["bob"].messages(world.nodes["alice"].address, None, 100)
    assert [line.text for line in page if line.direction == "in"] == ["hello", "hello", "once"]

"""K53: a relay that refuses more send ids costs nobody a mailbox that collects."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.mailbox.owners import Owners
from zentalk.node.mailboxes.pools import MailboxPools

pytestmark = pytest.mark.e2e

LONG_SECONDS = 1500.0
"""Longer than a mailbox is missed before it is replaced."""


async def refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two people meet, every relay be full as strangers once made them, and bob come back."""
    await world.relay_net(4)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "before"), "delivered")
    monkeypatch.setattr(Owners, "_refusal", lambda *_: "full")
    await world.crash("bob")
    await world.person("bob", ready=False)
    await trio.sleep(LONG_SECONDS)


async def test_k53_what_collects_is_kept_while_every_registration_is_refused(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refused(world, monkeypatch)
    listing = world.nodes["bob"].mailboxes.listing()
    assert len(listing) == 2
    assert all(row.current and row.collected for row in listing)
    await world.until_state("alice", await world.send("alice", "bob", "after"), "delivered")


@pytest.mark.slow
async def test_k53_control_a_collector_that_ends_at_a_refusal_loses_its_mailboxes(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_pools: MailboxPools) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(MailboxPools, "ever_registered", never)
    await refused(world, monkeypatch)
    listing = world.nodes["bob"].mailboxes.listing()
    assert any(not row.current for row in listing)
    assert not any(row.collected for row in listing if row.current)

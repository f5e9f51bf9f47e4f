"""K44, K53: relays that are full of strangers' send ids cost nobody a mailbox that collects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox.send_id_changes import SendIdChanges
from zentalk.node.mailboxes import replacements
from zentalk.node.mailboxes.pools import MailboxPools
from zentalk.node.mailboxes.replacements import Replacements
from zentalk.relay import wiring
from zentalk.relay.storage import mailbox_settings
from zentalk.wire.rpc_send_ids import SURE_NEW_SEND_IDS

pytestmark = pytest.mark.e2e

REPLACE_AFTER_SECONDS = 150.0
"""A quarter of what is shipped."""
LONG_SECONDS = 2.5 * REPLACE_AFTER_SECONDS
"""Longer than a mailbox is missed before it is replaced."""


async def refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two people meet, every relay be full as strangers once made them, and bob come back."""
    monkeypatch.setattr(replacements, "REPLACE_AFTER_SECONDS", REPLACE_AFTER_SECONDS)
    await from_then_on_refused(world, monkeypatch)
    await trio.sleep(LONG_SECONDS)


async def from_then_on_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.relay_net(4)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    await world.until_state("alice", await world.send("alice", "bob", "before"), "delivered")
    monkeypatch.setattr(SendIdChanges, "_refusal", lambda *_: "full")
    await world.crash("bob")
    await world.person("bob", ready=False)


async def test_k53_what_collects_is_kept_while_every_registration_is_refused(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refused(world, monkeypatch)
    listing = world.nodes["bob"].mailboxes.listing()
    assert len(listing) == 2
    assert all(row.current and row.collected for row in listing)
    await world.until_state("alice", await world.send("alice", "bob", "after"), "delivered")


async def never(_pools: MailboxPools) -> bool:
    await trio.lowlevel.checkpoint()
    return False


@pytest.mark.slow
async def test_k53_control_a_collector_that_ends_at_a_refusal_loses_its_mailboxes(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MailboxPools, "ever_registered", never)
    await refused(world, monkeypatch)
    listing = world.nodes["bob"].mailboxes.listing()
    assert any(not row.current for row in listing)
    assert not any(row.collected for row in listing if row.current)


@pytest.mark.long
async def test_k53_a_day_of_refusals_replaces_nothing_that_collects(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the settings that are shipped."""
    replaced = replacements_counted(monkeypatch)
    await from_then_on_refused(world, monkeypatch)
    before = world.mailbox_relays("bob")
    await world.crash("alice")
    await trio.sleep(DAY_SECONDS)
    listing = world.nodes["bob"].mailboxes.listing()
    assert len(listing) == 2
    assert all(row.current and row.collected for row in listing)
    assert (world.mailbox_relays("bob"), replaced) == (before, [])
    await world.person("alice")
    await world.until_state("alice", await world.send("alice", "bob", "after"), "delivered")


@pytest.mark.long
async def test_k53_control_where_a_refusal_ends_collecting_the_day_costs_seven_for_each_slot(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What then still holds is that a node does not walk from relay to relay."""

    monkeypatch.setattr(MailboxPools, "ever_registered", never)
    replaced = replacements_counted(monkeypatch)
    await from_then_on_refused(world, monkeypatch)
    await world.crash("alice")
    await trio.sleep(DAY_SECONDS)
    assert 0 < max(Counter(replaced).values()) <= replacements.MAX_DOUBLINGS


def replacements_counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the slots of all mailboxes that are replaced from now on without being asked to."""
    slots: list[int] = []
    replaced = Replacements.replaced

    def noted(counted: Replacements, slot: int) -> None:
        slots.append(slot)
        replaced(counted, slot)

    monkeypatch.setattr(Replacements, "replaced", noted)
    return slots


def full(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    """Let all relays have no room for send ids but what each mailbox is sure of."""
    monkeypatch.setattr(
        wiring,
        "mailbox_settings",
        lambda settings: replace(mailbox_settings(settings), max_total_send_ids=0, **limits),
    )


async def test_k44_newcomers_meet_and_write_at_relays_that_are_full_of_send_ids(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a node asks for first is what a relay is sure to give; the rest may fail alone."""
    full(monkeypatch)
    await world.relay_net(4)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice"), ("alice", "bob")):
        await world.until_state(sender, await world.send(sender, reader, "hello"), "delivered")
    for name in world.relays:
        rows = world.rows(name, "SELECT count(*) FROM send_id GROUP BY mailbox")
        assert {row[0] for row in rows} <= {SURE_NEW_SEND_IDS}
    assert all(row.collected for row in world.nodes["bob"].mailboxes.listing())


async def test_k44_control_at_relays_that_guarantee_nothing_nobody_gets_in(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(monkeypatch, sure_send_ids=0, sure_new_send_ids=0)
    await world.relay_net(4)
    alice = await world.person("alice", ready=False)
    with pytest.raises(trio.TooSlowError), trio.fail_after(300):
        await alice.ready()

"""K51 over a whole network: requests are full, strangers go on writing, contacts notice nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.messages import requests
from zentalk.relay.mailbox.service import MailboxService
from zentalk.store.history.models import StoredMessage
from zentalk.wire.rpc_mailbox import DEFER

pytestmark = pytest.mark.e2e

STRANGERS = 3
AT_ONCE_SECONDS = 2.0


@pytest.fixture(autouse=True)
def room_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 1)
    monkeypatch.setattr(requests, "SURE_A_DAY", 1)


async def full_requests(world: World, **settings: Any) -> list[StoredMessage]:
    """Bob, his contact Alice, and strangers of whom he has room for one."""
    await world.relay_net(3)
    await world.person("alice")
    await world.person("bob", **settings)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")
    written = []
    for number in range(STRANGERS):
        await world.person(f"s{number}")
        message = await world.send(f"s{number}", "bob", "it is me")
        await world.until_state(f"s{number}", message, "sent")
        written.append(message)
    await world.until_inbox("bob", "s0", ["it is me"])
    await trio.sleep(60)
    return written


async def contact_is_heard(world: World, seconds: float) -> None:
    for number in range(5):
        message = await world.send("alice", "bob", f"friend {number}")
        with trio.fail_after(seconds):
            await world.until_state("alice", message, "delivered")


def kept(world: World) -> int:
    return sum(world.envelopes(relay) for relay in world.mailbox_relays("bob"))


def deferred(world: World) -> int:
    """How often something was deferred at Bob's relays."""
    return sum(
        world.relays[name].stats().mailbox.get("deferred", 0)
        for name in world.mailbox_relays("bob")
    )


async def test_k51_what_strangers_send_beyond_the_room_waits_and_contacts_are_heard_at_once(
    world: World, autojump_clock: Clock
) -> None:
    await full_requests(world)
    assert kept(world) >= STRANGERS - 1
    assert deferred(world) >= STRANGERS - 1
    await contact_is_heard(world, AT_ONCE_SECONDS)
    bob = world.nodes["bob"]
    assert len(await bob.contacts()) == 2
    await bob.refuse(world.nodes["s0"].address)
    await world.crash("bob")
    bob = await world.person("bob")

    async def another_asks() -> bool:
        return any(one.state == "request" for one in await bob.contacts())

    await world.until(another_asks)
    assert kept(world) >= 1


async def test_k51_an_owner_who_polls_defers_in_place_of_polls(
    world: World, autojump_clock: Clock
) -> None:
    await full_requests(world, profile="strong")
    assert kept(world) >= STRANGERS - 1
    assert deferred(world) >= STRANGERS - 1
    await contact_is_heard(world, 120)


async def test_a_relay_that_does_not_know_the_call_drops_it_and_contacts_are_heard(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = MailboxService.requests

    def earlier(service: MailboxService) -> Mapping[str, Any]:
        return {method: call for method, call in known(service).items() if method != DEFER}

    monkeypatch.setattr(MailboxService, "requests", earlier)
    await full_requests(world)
    assert kept(world) == 0
    await contact_is_heard(world, AT_ONCE_SECONDS)

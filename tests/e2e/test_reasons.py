"""A message that has not come further says why, and no longer than that is so."""

from __future__ import annotations

import pytest
from trio.testing import MockClock as Clock

from tests.e2e.test_session_recovery import lose
from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.node.messages.reasons import Reason
from zentalk.store.history.models import StoredMessage

pytestmark = pytest.mark.e2e


async def until_reason(world: World, sender: str, message: StoredMessage, reason: Reason) -> None:
    async def shown() -> bool:
        return (await world.nodes[sender].message(message.id)).reason == reason

    await world.until(shown, 600)


async def logged(world: World, message: StoredMessage) -> list[tuple[str, str]]:
    """Return the states and reasons that Alice's event log tells of a message."""
    told = await world.nodes["alice"].events(0)
    return [
        (event.data["state"], event.data.get("reason", ""))
        for event in told
        if event.type.startswith("message.") and event.data["id"] == message.id
    ]


async def test_a_message_to_an_address_that_nobody_has_published_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice = await world.person("alice")
    nobody = UserAddress(SigningKey.generate(seeded_entropy(b"nobody")).public)
    message = await alice.send_text(nobody, "hello?")
    await until_reason(world, "alice", message, Reason.NOT_PUBLISHED)
    assert (await logged(world, message))[-1] == ("queued", Reason.NOT_PUBLISHED)
    assert (await alice.send_text(nobody, "and this")).reason == Reason.NOT_PUBLISHED


async def test_a_message_of_a_node_that_knows_no_relay_says_so_until_it_does(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    bob = await world.person("bob")
    for name in ("r1", "r2", "r3"):
        await world.crash(name)
        world.memory.kill(name)
    alice = await world.person("alice", ready=False)
    message = await alice.send_text(bob.address, "hello")
    await until_reason(world, "alice", message, Reason.NO_RELAYS)
    for name in ("r1", "r2", "r3"):
        world.memory.revive(name)
        await world.relay(name)
    await world.until_state("alice", message, "sent")
    assert (await alice.message(message.id)).reason == Reason.NOT_ACCEPTED


async def test_a_request_that_nobody_has_accepted_says_so_until_it_is_answered(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice, bob = await world.person("alice"), await world.person("bob")
    message = await world.send("alice", "bob", "it is me")
    await until_reason(world, "alice", message, Reason.NOT_ACCEPTED)
    await world.until_inbox("bob", "alice", ["it is me"])
    answer = await bob.send_text(alice.address, "who?")
    await world.until_state("alice", message, "delivered")
    await world.until_state("bob", answer, "delivered")
    assert (await alice.message(message.id)).reason == Reason.NONE
    assert (await logged(world, message)) == [
        ("queued", ""),
        ("sent", Reason.NOT_ACCEPTED),
        ("delivered", ""),
    ]
    [contact] = await bob.contacts()
    assert contact.state == "contact"


async def test_a_message_written_without_any_connection_says_so_until_it_leaves(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice, _ = await world.person("alice"), await world.person("bob")
    await world.friends("alice", "bob")
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    for name in ("r1", "r2", "r3"):
        await world.crash(name)
        world.memory.kill(name)
    message = await world.send("alice", "bob", "are you there?")
    await until_reason(world, "alice", message, Reason.NOT_CONNECTED)
    for name in ("r1", "r2", "r3"):
        world.memory.revive(name)
        await world.relay(name)
    await world.until_state("alice", message, "delivered")
    assert (await alice.message(message.id)).reason == Reason.NONE


async def test_what_waits_for_a_contact_who_is_away_says_so_until_it_is_delivered(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await world.crash("bob")
    alice, message = world.nodes["alice"], await world.send("alice", "bob", "are you there?")
    await world.until_state("alice", message, "sent")
    assert (await alice.message(message.id)).reason == Reason.NONE, "it may be a matter of seconds"
    await until_reason(world, "alice", message, Reason.NOT_CONFIRMED)
    await world.person("bob")
    await world.until_state("alice", message, "delivered")
    assert (await alice.message(message.id)).reason == Reason.NONE
    assert (await logged(world, message)) == [
        ("queued", ""),
        ("sent", ""),
        ("sent", Reason.NOT_CONFIRMED),
        ("delivered", ""),
    ]


async def test_a_lone_message_that_its_reader_cannot_read_says_that_nobody_confirms_it(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await lose(world, "bob", "DELETE FROM ratchets")
    message = await world.send("alice", "bob", "alone")
    await until_reason(world, "alice", message, Reason.NOT_CONFIRMED)
    assert (await world.nodes["alice"].message(message.id)).state == "sent"
    assert await world.inbox("bob", "alice") == ["hello"]

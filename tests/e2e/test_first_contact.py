"""Invites and introductions over a whole network: who becomes a contact, and who a request."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.first_contact.invites import ShownInvite
from zentalk.node.messages.first_contact import admission
from zentalk.store.history.models import StoredContact, StoredMessage
from zentalk.wire.invite import parse_address_or_invite

pytestmark = pytest.mark.e2e

QUIET_SECONDS = 60.0


async def people(world: World, *names: str) -> None:
    await world.relay_net(3)
    for name in names:
        await world.person(name)


async def writes_by_link(world: World, sender: str, link: str, reader: str) -> StoredMessage:
    """Do with a link what `POST /v1/contacts` does with it, and write."""
    invite = parse_address_or_invite(link)
    await world.nodes[sender].add_contact(invite.address, reader, invite.secret)
    return await world.send(sender, reader, f"it is {sender}")


async def known_as(world: World, owner: str, other: str) -> StoredContact:
    """Wait until somebody stands in the list of another."""
    address = world.nodes[other].address_text
    found: list[StoredContact] = []

    async def is_listed() -> bool:
        found[:] = [one for one in await world.nodes[owner].contacts() if one.address == address]
        return bool(found)

    await world.until(is_listed)
    return found[0]


async def stays_sent(world: World, sender: str, message: StoredMessage) -> None:
    await world.until_state(sender, message, "sent")
    await trio.sleep(QUIET_SECONDS)
    assert (await world.nodes[sender].message(message.id)).state == "sent"


async def use(world: World, owner: str, shown: ShownInvite) -> int:
    return (await world.nodes[owner].first_contact.invites.get(shown.invite.id)).invite.uses


async def test_an_invited_person_is_a_contact_with_the_first_message(
    world: World, autojump_clock: Clock
) -> None:
    await people(world, "alice", "bob", "carol")
    bob = world.nodes["bob"]
    invite = await bob.first_contact.invites.create("Alice")
    first = await writes_by_link(world, "alice", invite.link, "bob")
    await world.until_state("alice", first, "delivered")
    contact = await known_as(world, "bob", "alice")
    assert (contact.state, contact.name, contact.invite) == ("contact", "Alice", invite.invite.id)
    types = [event.type for event in await bob.events(0)]
    assert "contact.requested" not in types
    assert types.index("invite.used") < types.index("message.received")
    answer = await world.send("bob", "alice", "welcome")
    await world.until_state("bob", answer, "delivered")
    # Used up: the next one asks as any stranger does, and is told nothing.
    second = await writes_by_link(world, "carol", invite.link, "bob")
    assert (await known_as(world, "bob", "carol")).state == "request"
    await stays_sent(world, "carol", second)
    assert await use(world, "bob", invite) == 1


async def test_an_invite_that_expired_or_was_revoked_makes_a_request(
    world: World, autojump_clock: Clock
) -> None:
    await people(world, "alice", "bob", "carol")
    invites = world.nodes["bob"].first_contact.invites
    short = await invites.create(lifetime_seconds=30.0)
    revoked = await invites.create(max_uses=5)
    await invites.revoke(revoked.invite.id)
    await trio.sleep(31)
    for sender, invite in (("alice", short), ("carol", revoked)):
        message = await writes_by_link(world, sender, invite.link, "bob")
        contact = await known_as(world, "bob", sender)
        assert (contact.state, contact.invite) == ("request", "")
        await stays_sent(world, sender, message)
        assert await use(world, "bob", invite) == 0


async def test_an_invite_that_asks_makes_a_request_that_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await people(world, "alice", "bob")
    bob = world.nodes["bob"]
    invite = await bob.first_contact.invites.create("fair", max_uses=9, accepts=False)
    first = await writes_by_link(world, "alice", invite.link, "bob")
    contact = await known_as(world, "bob", "alice")
    assert (contact.state, contact.invite) == ("request", invite.invite.id)
    await stays_sent(world, "alice", first)
    await bob.accept(world.nodes["alice"].address)
    await world.until_state("alice", first, "delivered")
    assert await use(world, "bob", invite) == 1


async def test_control_a_node_that_ignores_tickets_has_a_request(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission.FirstMessages, "_grant", lambda *_arguments: None)
    await people(world, "alice", "bob")
    invite = await world.nodes["bob"].first_contact.invites.create()
    await writes_by_link(world, "alice", invite.link, "bob")
    assert (await known_as(world, "bob", "alice")).state == "request"


async def test_a_link_works_while_its_owner_is_away_and_after_a_restart_of_both(
    world: World, autojump_clock: Clock
) -> None:
    await people(world, "alice", "bob")
    invite = await world.nodes["bob"].first_contact.invites.create()
    await world.crash("bob")
    first = await writes_by_link(world, "alice", invite.link, "bob")
    await world.until_state("alice", first, "sent")
    await world.crash("alice")
    await world.person("alice")
    await world.person("bob")
    await world.until_state("alice", first, "delivered")
    assert (await known_as(world, "bob", "alice")).state == "contact"


async def introduced(world: World) -> None:
    """Alice has two contacts, and has introduced them to each other."""
    await people(world, "alice", "bob")
    await world.person("carol", accept_introduced=True)
    for name in ("bob", "carol"):
        await world.friends("alice", name)
        hello = await world.send("alice", name, "hello")
        await world.until_state("alice", hello, "delivered")
    nodes = world.nodes
    await nodes["alice"].first_contact.introductions.introduce(
        nodes["bob"].address, nodes["carol"].address, "Bob", "Carol"
    )

    async def both_know() -> bool:
        lists = [await nodes[n].first_contact.introductions.listing() for n in ("bob", "carol")]
        return all(lists)

    await world.until(both_know)


async def test_who_was_introduced_is_a_request_that_names_the_introducer(
    world: World, autojump_clock: Clock
) -> None:
    await introduced(world)
    bob, carol = world.nodes["bob"], world.nodes["carol"]
    [told] = await carol.first_contact.introductions.listing()
    assert (told.address, told.name) == (bob.address_text, "Bob")
    await carol.add_contact(bob.address, told.name)
    first = await world.send("carol", "bob", "we have not met")
    contact = await known_as(world, "bob", "carol")
    assert (contact.state, contact.introduced_by) == ("request", world.nodes["alice"].address_text)
    await stays_sent(world, "carol", first)
    await bob.accept(carol.address)
    await world.until_state("carol", first, "delivered")
    assert await bob.first_contact.introductions.listing() == []


async def test_who_set_so_has_a_contact_at_once(world: World, autojump_clock: Clock) -> None:
    await introduced(world)
    first = await world.send("bob", "carol", "we have not met")
    await world.until_state("bob", first, "delivered")
    contact = await known_as(world, "carol", "bob")
    assert (contact.state, contact.introduced_by) == ("contact", world.nodes["alice"].address_text)


async def test_control_nobody_else_is_let_in_by_an_introduction(
    world: World, autojump_clock: Clock
) -> None:
    await introduced(world)
    await world.person("dave")
    first = await world.send("dave", "carol", "Alice says hello")
    assert (await known_as(world, "carol", "dave")).introduced_by == ""
    await stays_sent(world, "dave", first)


async def test_two_people_see_one_safety_number_and_mark_each_other(
    world: World, autojump_clock: Clock
) -> None:
    await people(world, "alice", "bob")
    await world.friends("alice", "bob")
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    ours = await alice.first_contact.verification.safety(bob.address)
    theirs = await bob.first_contact.verification.safety(alice.address)
    assert ours.number == theirs.number
    await alice.first_contact.verification.verify(bob.address, theirs.number)
    assert (await known_as(world, "alice", "bob")).verified
    assert not (await known_as(world, "bob", "alice")).verified

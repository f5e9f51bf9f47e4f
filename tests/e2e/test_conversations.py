"""What people do in a chat, over real relays."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.chat.signals import PRESENCE_SECONDS, TYPING_SECONDS
from zentalk.errors import NotFoundError
from zentalk.node.messages.commands import Draft
from zentalk.node.node import Node
from zentalk.store.history.models import StoredMessage
from zentalk.store.history.privacy import Privacy
from zentalk.wire.chat import Poll

pytestmark = pytest.mark.e2e


async def friends(world: World) -> tuple[Node, Node]:
    await world.relay_net(3)
    alice, bob = await world.person("alice"), await world.person("bob")
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, f"I am {sender}")
        await world.until_state(sender, first, "delivered")
    return alice, bob


async def last(node: Node, other: Node) -> StoredMessage:
    return (await node.messages(other.address))[-1]


async def until_profile(world: World, node: Node, other: Node, name: str) -> None:
    async def told() -> bool:
        with suppress(NotFoundError):
            return (await node.chat.profile_of(other.address)).name == name
        return False

    await world.until(told)


async def types(node: Node) -> list[str]:
    return [event.type for event in await node.events(0)]


async def test_e13_edit_react_pin_and_delete_for_everyone_over_relays(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    said = await world.send("alice", "bob", "helo")
    await world.until_state("alice", said, "delivered")
    await alice.chat.edit(bob.address, said.id, "hello")
    await alice.chat.pin(bob.address, said.id, on=True)
    await bob.chat.react(alice.address, said.id, "👍")

    async def agree() -> bool:
        shown = [await last(bob, alice), await last(alice, bob)]
        return all(
            (one.text, one.edited, one.pinned, len(one.reactions)) == ("hello", True, True, 1)
            for one in shown
        )

    await world.until(agree)
    await alice.chat.take_back(bob.address, said.id)

    async def gone() -> bool:
        return (await last(bob, alice)).deleted

    await world.until(gone)
    assert (await last(bob, alice)).text == (await last(alice, bob)).text == ""
    for node in (alice, bob):
        happened = await types(node)
        for kind in ("message.edited", "message.pinned", "message.reacted", "message.deleted"):
            assert kind in happened
        assert "helo" not in str(await node.events(0))


async def test_marks_reach_somebody_who_was_away_and_survive_crashes(
    world: World, autojump_clock: Clock
) -> None:
    _, bob = await friends(world)
    said = await world.send("alice", "bob", "one")
    await world.until_state("alice", said, "delivered")
    await world.crash("bob")
    alice = world.nodes["alice"]
    await alice.chat.edit(bob.address, said.id, "two")
    await world.crash("alice")
    alice = await world.person("alice")
    bob = await world.person("bob")

    async def edited() -> bool:
        return (await last(bob, alice)).text == "two"

    await world.until(edited)


async def test_e1_read_is_true_when_shown_and_can_be_switched_off(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    said = await world.send("alice", "bob", "look")
    await world.until_state("alice", said, "delivered")
    await trio.sleep(60)
    assert (await alice.message(said.id)).state == "delivered"
    await bob.mark_read(alice.address)
    await world.until_state("alice", said, "read")
    await bob.chat.set_privacy(Privacy(read_receipts=False))
    again = await world.send("alice", "bob", "look again")
    await world.until_state("alice", again, "delivered")
    await bob.mark_read(alice.address)
    await trio.sleep(600)
    assert (await alice.message(again.id)).state == "delivered"


async def test_e5_typing_is_seen_at_once_expires_and_is_stored_nowhere(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    board = bob.signals.board
    await alice.signals.typing(bob.address, on=True)
    await world.until(lambda: board.now_typing() == [alice.address], 4)
    await trio.sleep(TYPING_SECONDS + 1)
    assert board.now_typing() == []
    assert "typing" not in str(await types(bob))
    await trio.sleep(120)
    await alice.signals.typing(bob.address, on=True)
    await trio.sleep(4)
    assert board.now_typing() == []  # nothing of Bob was heard for two minutes


async def test_e5_typing_ends_when_what_was_written_arrives(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    board = bob.signals.board
    await alice.signals.typing(bob.address, on=True)
    await world.until(lambda: board.now_typing() == [alice.address], 4)
    began, since = board.number, trio.current_time()
    said = await world.send("alice", "bob", "this")
    await world.until_state("alice", said, "delivered")
    assert trio.current_time() < since + TYPING_SECONDS
    (ended,) = board.newest(began)
    assert (ended.person, ended.kind, ended.on) == (alice.address, "typing", False)
    assert board.now_typing() == []


async def test_e3_a_device_that_is_revoked_is_not_there_any_more(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    board = alice.signals.board
    phone, _ = await bob.devices.add("phone")
    await bob.signals.shows(phone.device_id.hex(), [alice.address])
    await world.until(lambda: board.now_there() == [bob.address], 10)
    await bob.devices.revoke(phone.device_id.hex())
    await world.until(lambda: board.now_there() == [], 4)


async def test_e3_presence_lasts_until_the_last_device_leaves(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    board = alice.signals.board
    for device in ("phone", "laptop"):
        await bob.signals.shows(device, [alice.address])
    await world.until(lambda: board.now_there() == [bob.address], 10)
    await bob.signals.shows("phone", [])
    await trio.sleep(10)
    assert board.now_there() == [bob.address]
    await bob.signals.shows("laptop", [])
    await world.until(lambda: board.now_there() == [], 10)


async def test_e3_presence_ends_a_minute_after_a_node_was_cut_off(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    board = alice.signals.board
    await bob.signals.shows("phone", [alice.address])
    await world.until(lambda: board.now_there() == [bob.address], 10)
    await world.crash("bob")
    await trio.sleep(PRESENCE_SECONDS + 1)
    assert board.now_there() == []


async def test_e13_messages_disappear_at_both_after_they_were_read(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    await alice.chat.set_timer(bob.address, 60)
    said = await world.send("alice", "bob", "burn this")
    await world.until_state("alice", said, "delivered")
    await trio.sleep(120)
    assert (await last(bob, alice)).text == "burn this"
    assert "burn this" not in str(await alice.messages(bob.address))
    await bob.mark_read(alice.address)
    await trio.sleep(90)
    assert "burn this" not in str(await bob.messages(alice.address))
    assert "burn this" not in str(await bob.events(0))
    answer = await world.send("bob", "alice", "burnt")  # the timer is of both
    assert answer.expires_at is not None


async def test_a_poll_is_voted_on_at_both(world: World, autojump_clock: Clock) -> None:
    alice, bob = await friends(world)
    poll = await alice.send(bob.address, Draft(body=Poll("which?", ("tea", "coffee"), False)))
    await world.until_state("alice", poll, "delivered")
    await bob.chat.vote(alice.address, poll.id, (1,))

    async def voted() -> bool:
        votes = (await last(alice, bob)).votes
        return votes == [{"author": bob.address_text, "options": [1]}]

    await world.until(voted)


async def test_e12_a_profile_reaches_contacts_and_nobody_else(
    world: World, autojump_clock: Clock
) -> None:
    alice, bob = await friends(world)
    await world.person("carol")
    await alice.chat.set_profile("Alice", "away", b"picture")
    await until_profile(world, bob, alice, "Alice")
    await world.friends("bob", "carol")
    carol = world.nodes["carol"]
    stranger = await world.send("alice", "carol", "hello?")
    await world.until_state("alice", stranger, "sent")
    await trio.sleep(60)
    with pytest.raises(NotFoundError):
        await carol.chat.profile_of(alice.address)
    await carol.accept(alice.address)
    await world.until_state("alice", stranger, "delivered")
    await until_profile(world, carol, alice, "Alice")
    await alice.chat.set_profile("Alice B.", "", b"")
    for node in (bob, carol):
        await until_profile(world, node, alice, "Alice B.")

"""Relays die, nodes are killed, packets are lost: all arrives once (B13, K11, K27-K29, K37)."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.node.mailboxes import replacements, selection
from zentalk.node.messages import ordering
from zentalk.node.messages.effects import NO_EFFECTS
from zentalk.node.messages.people import ContactCommands
from zentalk.store.history import mailboxes as own_mailboxes
from zentalk.store.history.models import OwnMailbox, StoredMessage
from zentalk.store.sqlite import Transaction

pytestmark = pytest.mark.e2e


async def friends(world: World, relays: int) -> None:
    await world.relay_net(relays)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")


async def all_delivered(world: World, sender: str, messages: list[StoredMessage]) -> None:
    for message in messages:
        await world.until_state(sender, message, "delivered")


async def test_k37_relays_that_restart_in_mid_traffic_lose_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 5)
    sent = []
    for number in range(40):
        sent.append(await world.send("alice", "bob", f"{number}"))
        if number % 4 == 3:
            relay = f"r{number // 4 % 5 + 1}"
            await world.crash(relay)
            await trio.sleep(0.5)
            await world.relay(relay)
        await trio.sleep(0.2)
    await all_delivered(world, "alice", sent)
    await trio.sleep(ordering.HOLD_SECONDS)
    # A relay dies every second: some gaps stay open for longer than messages are held back.
    texts = await world.inbox("bob", "alice")
    assert sorted(texts, key=int) == [f"{number}" for number in range(40)]


async def test_b13_every_relay_killed_and_restarted_while_bob_is_away(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 3)
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    await world.crash("bob")
    sent = [await world.send("alice", "bob", f"{number}") for number in range(3)]
    await world.until_state("alice", sent[-1], "sent")
    for relay in list(world.relays):
        await world.crash(relay)
    for relay in list(world.relays):
        await world.relay(relay)
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "0", "1", "2"])
    await all_delivered(world, "alice", sent)


async def test_the_entry_relay_dies_and_messages_go_through_the_other(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 6)
    sent = [await world.send("alice", "bob", "before")]
    await all_delivered(world, "alice", sent)
    [entry, *_] = world.nodes["alice"]._network.connected_guards()
    await world.crash(next(name for name, r in world.relays.items() if r.node_id == entry))
    sent = [await world.send("alice", "bob", f"{number}") for number in range(10)]
    sent += [await world.send("bob", "alice", f"{number}") for number in range(10)]
    await world.until_inbox("bob", "alice", ["before", *[f"{n}" for n in range(10)]])
    await world.until_inbox("alice", "bob", [f"{n}" for n in range(10)])


async def test_both_of_bobs_mailbox_relays_die_and_he_finds_others(
    world: World, autojump_clock: Clock
) -> None:
    """Mailboxes whose relays stay dead are replaced, and contacts follow by themselves."""
    await friends(world, 7)
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    dead = world.mailbox_relays("bob")
    for relay in dead:
        await world.crash(relay)
    lost = await world.send("alice", "bob", "to the dead")
    await world.until(
        lambda: not set(world.mailbox_relays("bob")) & set(dead),
        replacements.REPLACE_AFTER_SECONDS + 120,
    )
    await world.send("bob", "alice", "I have moved")
    await world.until_inbox("alice", "bob", ["I have moved"])
    await all_delivered(world, "alice", [lost, await world.send("alice", "bob", "after")])
    await world.until_inbox("bob", "alice", ["hello", "to the dead", "after"])


async def _both_die_and_only_alice_writes(world: World) -> None:
    await friends(world, 7)
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    for relay in world.mailbox_relays("bob"):
        await world.crash(relay)
    lost = await world.send("alice", "bob", "to the dead")
    with trio.fail_after(90):
        await world.until_state("alice", lost, "delivered")
    assert await world.inbox("bob", "alice") == ["hello", "to the dead"]


async def test_whose_mailboxes_all_died_is_reached_again_within_minutes(
    world: World, autojump_clock: Clock
) -> None:
    """He finds others at once, and tells who may be writing to the dead ones."""
    await _both_die_and_only_alice_writes(world)


@pytest.mark.parametrize("missing", ["haste", "word"])
async def test_control_without_haste_or_without_a_word_he_is_not(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "haste":
        monkeypatch.setattr(replacements, "ALONE_SECONDS", replacements.REPLACE_AFTER_SECONDS)
    else:
        monkeypatch.setattr(ContactCommands, "tell_routes", lambda *_, **__: NO_EFFECTS)
    with pytest.raises(trio.TooSlowError):
        await _both_die_and_only_alice_writes(world)


async def _mailboxes_after_only_guards_are_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Return how many mailboxes bob has made when no tunnel has ended anywhere for a while."""
    made: list[object] = []
    add = own_mailboxes.add

    def added(tx: Transaction, mailbox: OwnMailbox) -> None:
        made.append(mailbox)
        add(tx, mailbox)

    await friends(world, 9)
    guards = set(world.nodes["bob"]._network.connected_guards())
    for name, relay in list(world.relays.items()):
        if relay.node_id not in guards:
            await world.crash(name)
    monkeypatch.setattr(own_mailboxes, "add", added)
    await world.crash("alice")
    await trio.sleep(replacements.REPLACE_AFTER_SECONDS / 2)
    return len(made)


async def test_whoever_drops_tunnels_cannot_make_a_node_walk_to_his_relay(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await _mailboxes_after_only_guards_are_left(world, monkeypatch)
    assert made == selection.MAILBOXES


async def test_control_with_haste_for_new_mailboxes_it_walks(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_mailboxes, "was_announced", lambda _tx, **_: True)
    made = await _mailboxes_after_only_guards_are_left(world, monkeypatch)
    assert made > selection.MAILBOXES


@pytest.mark.parametrize("seed", range(3))
async def test_k29_k11_nodes_killed_at_any_time_continue_their_conversation(
    world: World, autojump_clock: Clock, seed: int
) -> None:
    await friends(world, 5)
    chance = random.Random(seed)
    sent: dict[str, list[StoredMessage]] = {"alice": [], "bob": []}
    for number in range(30):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            sent[sender].append(await world.send(sender, reader, f"{number}"))
        await trio.sleep(chance.random() * 0.3)
        if chance.random() < 0.3:
            name = chance.choice(("alice", "bob"))
            await world.crash(name)
            await trio.sleep(chance.random() * 5)
            await world.person(name, ready=chance.random() < 0.5)
    for sender, messages in sent.items():
        await all_delivered(world, sender, messages)
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        await world.until_inbox(reader, sender, [f"{number}" for number in range(30)])


async def test_k27_many_in_flight_both_ways_all_confirmed_are_there(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 4)
    count, in_flight = 200, trio.Semaphore(16)
    sent: dict[str, list[StoredMessage]] = {"alice": [], "bob": []}

    async def one(sender: str, reader: str, number: int) -> None:
        async with in_flight:
            message = await world.send(sender, reader, f"{number}")
            sent[sender].append(message)
            await world.until_state(sender, message, "delivered")

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, "alice", "bob", number)
            nursery.start_soon(one, "bob", "alice", number)
    await trio.sleep(ordering.HOLD_SECONDS + 1)
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        page = await world.nodes[reader].messages(world.nodes[sender].address, None, 1000)
        received = [message.id for message in page if message.direction == "in"]
        assert sorted(received) == sorted(message.id for message in sent[sender])


async def test_a_partition_heals_and_everything_arrives(
    world: World, autojump_clock: Clock
) -> None:
    await friends(world, 6)
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    left, right = ["r1", "r2", "r3", "alice"], ["r4", "r5", "r6", "bob"]
    for a in left:
        for b in right:
            world.memory.cut(a, b)
    sent = [await world.send("alice", "bob", f"{number}") for number in range(5)]
    await trio.sleep(30)
    for a in left:
        for b in right:
            world.memory.mend(a, b)
    await all_delivered(world, "alice", sent)
    assert await world.inbox("bob", "alice") == ["hello", *[f"{n}" for n in range(5)]]

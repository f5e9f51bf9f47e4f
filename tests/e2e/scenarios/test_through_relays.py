"""D11-D13, D16-D18: what relays pass on, whoever sends it, however often."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.scenarios.common import acquainted, arrives, back, silence
from tests.e2e.world import World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.reasons import Reason
from zentalk.session import pqxdh
from zentalk.wire.prekeys import PrekeyBundle

pytestmark = pytest.mark.e2e

RELAYS = ("r1", "r2", "r3")


async def test_d11_a_malformed_packet_is_counted_and_dropped_and_its_link_stays(
    world: World, autojump_clock: Clock
) -> None:
    """Packets are made by others. A malformed frame is its own peer's fault, and ends the link."""
    await acquainted(world)
    network = world.nodes["alice"]._network
    guard = network.connected_guards()[0]
    link = network._links.link(guard)
    assert link is not None
    [relay] = [relay for relay in world.relays.values() if relay.node_id == guard]
    for _ in range(20):
        assert link.send_packet(bytes(2560))
    message = await world.send("alice", "bob", "beside them")
    await arrives(world, message, ["hello", "beside them"])
    assert relay.stats().refused == {"malformed": 20}
    assert network._links.link(guard) is link


@pytest.mark.parametrize("claims", [True, False])
async def test_d12_whoever_claims_to_be_somebody_else_is_not_read(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, claims: bool
) -> None:
    """Relays know no sender. A first message names one, and opens with that one's key alone.

    With `claims` False the control: under her own name Mallory's message is there.
    """
    await acquainted(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    mallory = await world.person("mallory")
    initiate = pqxdh.initiate

    def as_alice(
        own: SigningKey, bundle: PrekeyBundle, entropy: Entropy, *, generation: int = 1
    ) -> pqxdh.Initiated:
        made = initiate(own, bundle, entropy, generation=generation)
        if not claims or own.public != mallory.address:
            return made
        return made._replace(header=made.header._replace(identity=bytes(alice.address)))

    monkeypatch.setattr(pqxdh, "initiate", as_alice)
    await mallory.send_text(bob.address, "I am Alice")
    await trio.sleep(60)
    assert await world.inbox("bob", "alice") == ["hello"]
    known = {alice.address_text} | (set() if claims else {mallory.address_text})
    assert {contact.address for contact in await bob.contacts()} == known
    assert await world.inbox("bob", "mallory") == ([] if claims else ["I am Alice"])
    message = await world.send("alice", "bob", "I am")
    await arrives(world, message, ["hello", "I am"])


async def test_d13_lost_acks_make_the_sender_repeat_and_the_reader_has_it_once(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    await world.crash("bob")
    monkeypatch.setattr(Outbox, "token_received", lambda *_: None)
    message = await world.send("alice", "bob", "once")
    await trio.sleep(300)
    assert sum(relay.stats().repeats for relay in world.relays.values()) > 4
    assert {world.envelopes(name) for name in world.mailbox_relays("bob")} == {1}
    await world.person("bob")  # gets one copy of each of his two mailboxes
    await arrives(world, message, ["hello", "once"])
    await trio.sleep(60)
    assert await world.inbox("bob", "alice") == ["hello", "once"]


@pytest.mark.parametrize("away", [False, True])
async def test_d16_of_each_sender_through_one_relay_mail_comes_in_its_order(
    world: World, autojump_clock: Clock, away: bool
) -> None:
    await world.relay_net(3)
    await world.person("bob")
    for name in ("alice", "carol"):
        await world.person(name, guards=(world.uris["r1"],))
        await world.friends(name, "bob")
        await world.until_state(name, await world.send(name, "bob", "hello"), "delivered")
    if away:
        await world.crash("bob")
    texts = [f"{number}" for number in range(20)]
    for text in texts:
        for name in ("alice", "carol"):
            await world.send(name, "bob", text)
    if away:
        await trio.sleep(60)
        await world.person("bob")
    for name in ("alice", "carol"):
        await world.until_inbox("bob", name, ["hello", *texts])


async def test_d17_many_peers_use_one_relay_at_once_and_keep_their_mail_when_it_is_gone(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    names = [f"p{number}" for number in range(6)]
    for name in names:
        await world.person(name, guards=(world.uris["r1"],))
    pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    for sender, reader in pairs:
        await world.nodes[sender].add_contact(world.nodes[reader].address, reader)
        await world.nodes[reader].add_contact(world.nodes[sender].address, sender)

    async def all_send(text: str) -> None:
        sent = [await world.send(sender, reader, text) for sender, reader in pairs]
        for (sender, _), message in zip(pairs, sent, strict=True):
            await world.until_state(sender, message, "delivered")

    await all_send("at once")
    assert world.relays["r1"].stats().connections >= len(names)
    await silence(world, "r1")
    await trio.sleep(1)
    for name in names:
        node = world.nodes[name]
        assert node._network.connected_guards() == ()
        assert not node.status().ready
        assert any(note.startswith("no relay is connected") for note in node.status().notes)
    kept = [await world.send(sender, reader, "later") for sender, reader in pairs]
    await trio.sleep(60)
    for (sender, _), message in zip(pairs, kept, strict=True):
        found = await world.nodes[sender].message(message.id)
        assert (found.state, found.reason) == ("queued", Reason.NOT_CONNECTED)
    await back(world, "r1")
    for (sender, reader), message in zip(pairs, kept, strict=True):
        await world.until_state(sender, message, "delivered")
        assert await world.inbox(reader, sender) == ["at once", "later"]


@pytest.mark.parametrize("profile", ["memory", "durable"])
async def test_d18_what_a_relay_keeps_in_memory_does_not_survive_its_restart(
    world: World, autojump_clock: Clock, profile: str
) -> None:
    """Nothing is lost with it: such a relay acknowledges nothing, so the sender keeps the message.

    With `durable` the control.
    """
    await acquainted(world, mailbox_profile=profile)
    await world.crash("bob")
    message = await world.send("alice", "bob", "in memory")
    await trio.sleep(60)
    waiting = {name: deliverable(world, name) for name in RELAYS}
    assert sum(waiting.values()) == 2
    state = "queued" if profile == "memory" else "sent"
    assert (await world.nodes["alice"].message(message.id)).state == state
    await world.crash("alice")
    for name in RELAYS:
        await world.crash(name)
        await world.relay(name, mailbox_profile=profile)
    left = sum(deliverable(world, name) for name in RELAYS)
    assert left == (0 if profile == "memory" else 2)
    if profile == "memory":
        assert not any(world.envelopes(name) for name in RELAYS if queue_of(world, name))
    await world.person("bob")
    await world.person("alice")
    await arrives(world, message, ["hello", "in memory"])


def deliverable(world: World, name: str) -> int:
    """Return how many envelopes wait at a relay."""
    return int(world.relays[name].stats().mailbox["deliverable"])


def queue_of(world: World, name: str) -> bool:
    """Say whether a relay has a file for mail."""
    return bool(list((world.folder / name).glob("queue*.db")))

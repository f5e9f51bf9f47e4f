"""K12 over real relays: strangers and contacts under flood, and what full mailboxes look like."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from tests.strangers.public_mail import Flooder, public_targets
from zentalk.mailbox.settings import MailboxSettings
from zentalk.node.delivery.proof_of_work import ProofOfWork
from zentalk.node.messages.reasons import Reason
from zentalk.node.messages.routes import DepositTarget, contact_targets
from zentalk.relay import wiring
from zentalk.store.history import contacts
from zentalk.store.history.models import MessageState, StoredMessage

pytestmark = pytest.mark.e2e

CHEAP = MailboxSettings(
    public_quota=12, contact_quota=20, work_bits=8, last_work_bits=10, prekey_bits=8
)
STRANGERS = 4
FLOOD_FACTOR = 100


@pytest.fixture(autouse=True)
def cheap_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is real, with fewer bits than by default, and quotas are small."""
    monkeypatch.setattr(wiring, "mailbox_settings", lambda _: CHEAP)


async def own_targets(world: World, contact: str, of: str) -> tuple[DepositTarget, ...]:
    """Where a contact may deposit."""
    address = world.nodes[of].address
    row = await world.nodes[contact]._database.read(lambda tx: contacts.get(tx, address))
    assert row is not None
    return contact_targets(row)


async def under_flood(world: World) -> tuple[list[StoredMessage], list[StoredMessage], int]:
    """Bob is away; a flooder, his contact alice and strangers write.

    Returns what alice and the strangers sent, and how much junk there was.
    """
    await world.relay_net(4)
    for name in ("bob", "alice", "mallory"):
        await world.person(name)
    await world.friends("alice", "bob")
    await world.friends("mallory", "bob")
    for name in ("alice", "mallory"):
        first = await world.send(name, "bob", "hello")
        await world.until_state(name, first, "delivered")
        second = await world.send("bob", name, "hello")
        await world.until_state("bob", second, "delivered")
    mallory, bob = world.nodes["mallory"], world.nodes["bob"].address
    targets = await public_targets(mallory, bob)
    targets += await own_targets(world, "mallory", "bob")
    await world.crash("bob")
    flooder = Flooder(mallory)
    honest = 2 * STRANGERS
    await flooder.junk(targets, FLOOD_FACTOR * honest // 2)
    friendly, strange = [], []
    for number in range(STRANGERS):
        friendly.append(await world.send("alice", "bob", f"friend {number}"))
        stranger = await world.person(f"s{number}")
        strange.append(await stranger.send_text(bob, f"stranger {number}"))
    await flooder.junk(targets, FLOOD_FACTOR * honest // 2)
    return friendly, strange, flooder.sent


async def sent_within(world: World, strange: list[StoredMessage], seconds: float) -> int:
    """Count the strangers whose message is at a relay after a while."""
    await trio.sleep(seconds)
    states = [
        (await world.nodes[f"s{number}"].message(message.id)).state
        for number, message in enumerate(strange)
    ]
    return states.count(MessageState.SENT)


async def test_k12_contacts_and_strangers_get_through_a_flood(
    world: World, autojump_clock: Clock
) -> None:
    friendly, strange, junk = await under_flood(world)
    assert junk >= FLOOD_FACTOR * (len(friendly) + len(strange))
    assert await sent_within(world, strange, 120) == len(strange)
    for name in world.relays:
        assert world.envelopes(name) <= CHEAP.public_quota + CHEAP.contact_quota + 2 * STRANGERS
    await world.person("bob")
    for message in friendly:
        await world.until_state("alice", message, "delivered")
    await world.until(lambda: _requests(world, STRANGERS))
    texts = []
    for number in range(STRANGERS):
        texts += await world.inbox("bob", f"s{number}")
    assert texts == [f"stranger {number}" for number in range(STRANGERS)]


async def _requests(world: World, count: int) -> bool:
    rows = await world.nodes["bob"].contacts()
    return sum(row.state == "request" for row in rows) >= count


async def test_k12_control_without_asking_and_working_strangers_are_shut_out(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProofOfWork, "_ask", lambda *_: None)
    _, strange, _ = await under_flood(world)
    assert await sent_within(world, strange, 300) == 0


async def test_messages_that_find_no_room_wait_and_leave_when_there_is_some(
    world: World, autojump_clock: Clock
) -> None:
    """Nobody is told that a contact's mailboxes are full: it would tell that she is away."""
    await world.relay_net(4)
    for name in ("bob", "alice"):
        await world.person(name)
    await world.friends("alice", "bob")
    for sender, reader in (("alice", "bob"), ("bob", "alice")):
        first = await world.send(sender, reader, "hello")
        await world.until_state(sender, first, "delivered")
    await world.crash("bob")
    # A message that one of the two has is sent, so that up to twice the quota may find room.
    more_than_fits = 2 * CHEAP.contact_quota + 5
    sent = [await world.send("alice", "bob", f"{n}") for n in range(more_than_fits)]
    await trio.sleep(300)
    states = [await world.nodes["alice"].message(message.id) for message in sent]
    waiting = [message for message in states if message.state == "queued"]
    assert len(waiting) >= 5
    # The same is said of relays that do not answer, so it tells nobody that this mailbox is full.
    assert {message.reason for message in waiting} == {Reason.NOT_ACKNOWLEDGED}
    await world.person("bob")
    for message in sent:
        await world.until_state("alice", message, "delivered")

"""D5-D8, D10: links that are refused, replaced or lost in use, and what is too large."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.e2e.scenarios.common import acquainted, arrives, back, said, silence, until_kept
from tests.e2e.world import World
from zentalk.errors import LinkClosedError, TooLargeError
from zentalk.node.messages.reasons import Reason
from zentalk.relay import wiring
from zentalk.relay.storage import mailbox_settings

pytestmark = pytest.mark.e2e

RELAYS = ("r1", "r2", "r3")


def online(world: World) -> int:
    """Return how many mailboxes are collected at all relays together."""
    return sum(relay.stats().mailbox["online"] for relay in world.relays.values())


async def test_d5_a_refused_registration_says_why_and_mail_waits_until_it_is_taken(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay registers a mailbox by `mail.open`. It bans nobody, as it knows nobody."""
    await acquainted(world)
    monkeypatch.setattr(
        wiring,
        "mailbox_settings",
        lambda settings: replace(mailbox_settings(settings), max_mailboxes=1),
    )
    for name in RELAYS:
        await world.crash(name)
        await world.relay(name)
    with capture_logs() as log:
        carol = await world.person("carol", ready=False)
        message = await carol.send_text(world.nodes["bob"].address, "it is carol")
        await trio.sleep(120)
    assert said(log, "mailbox_not_collected") == {
        (0, "the peer refused: full"),
        (1, "the peer refused: full"),
    }
    assert carol.status().mailboxes == 0
    assert not carol.status().ready
    monkeypatch.undo()
    for name in RELAYS:
        await world.crash(name)
        await world.relay(name)
    with trio.fail_after(600):
        await carol.ready()
    await world.nodes["bob"].add_contact(carol.address, "carol")
    await world.until_state("carol", message, "delivered")
    assert await world.inbox("bob", "carol") == ["it is carol"]


async def test_d6_a_second_registration_replaces_the_first_and_gets_the_mail_that_waits(
    world: World, autojump_clock: Clock
) -> None:
    """Of one mailbox: the second is a later generation, from a place that knows the same key.

    Bob's machine loses its line without a word, so his relays still push to the first.
    """
    await acquainted(world)
    await world.crash("bob")
    shutil.copytree(world.folder / "bob", world.folder / "bob elsewhere")
    await world.person("bob")
    assert online(world) == 4, "two of each"
    for name in RELAYS:
        world.memory.cut("bob", name)
    message = await world.send("alice", "bob", "waits")
    await trio.sleep(5)
    began = trio.current_time()
    await world.person("bob elsewhere")
    await world.until_inbox("bob elsewhere", "alice", ["hello", "waits"])
    assert trio.current_time() - began < 30, "long before the first link would be found dead"
    await world.until_state("alice", message, "delivered")
    assert online(world) == 4, "the first one counts no more"
    await trio.sleep(120)  # what is left of the first link is cleared away
    assert online(world) == 4, "which the second one does not notice"
    began = trio.current_time()
    await world.until_state("alice", await world.send("alice", "bob", "later"), "delivered")
    assert trio.current_time() - began < 5
    assert await world.inbox("bob elsewhere", "alice") == ["hello", "waits", "later"]


async def test_d7_a_link_that_is_lost_while_it_sends_is_an_error_and_the_message_is_kept(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    network = world.nodes["alice"]._network
    links = [network._links.link(guard) for guard in network.connected_guards()]
    message = await world.send("alice", "bob", "on its way")
    await silence(world, *RELAYS)
    assert network.connected_guards() == ()
    for link in links:
        assert link is not None
        assert link.closed.is_set()
        assert not link.send_packet(bytes(2560))
        with pytest.raises(LinkClosedError, match=r"^the link is closed$"):
            await link.request(b"anything")
    await until_kept(world, message, Reason.NOT_CONNECTED)
    await back(world, *RELAYS)
    await arrives(world, message, ["hello", "on its way"])


async def test_d8_a_text_above_64_kb_is_refused_and_the_links_stay(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    alice = world.nodes["alice"]
    network = alice._network
    links = [network._links.link(guard) for guard in network.connected_guards()]
    with pytest.raises(TooLargeError) as refused:
        await world.send("alice", "bob", "x" * (64 * 1024 + 1))
    assert str(refused.value) == (
        "a text may have at most 65536 bytes and this one has 65537: shorten it or split it"
    )
    longest = "x" * 64 * 1024
    await arrives(world, await world.send("alice", "bob", longest), ["hello", longest])
    assert [network._links.link(guard) for guard in network.connected_guards()] == links


async def test_d10_a_line_that_breaks_under_a_push_loses_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    for name in RELAYS:
        world.memory.cut("bob", name)  # pushed, and nobody knows whether it arrived
    message = await world.send("alice", "bob", "pushed in vain")
    await trio.sleep(10)
    assert sorted(world.holders()) == sorted(world.mailbox_relays("bob"))
    await world.crash("bob")
    for name in RELAYS:
        world.memory.mend("bob", name)
    await trio.sleep(5)
    assert {world.envelopes(name) for name in world.holders()} == {1}, "back in the queue, once"
    await world.person("bob")
    await arrives(world, message, ["hello", "pushed in vain"])
    await world.until(lambda: world.holders() == [])


async def test_d10_relays_that_break_while_they_forward_lose_nothing(
    world: World, autojump_clock: Clock
) -> None:
    """Each relay that a packet passes dies while packets are in its hands, one after the other."""
    await acquainted(world, relays=5)
    texts = [f"{number}" for number in range(10)]
    sent = []
    for number, text in enumerate(texts):
        sent.append(await world.send("alice", "bob", text))
        name = f"r{number % 5 + 1}"
        await trio.sleep(0.015)  # a cable's 10 ms and a half: it is between two relays
        await world.crash(name)
        await world.relay(name)
    await world.until_inbox("bob", "alice", ["hello", *texts])
    for message in sent:
        await world.until_state("alice", message, "delivered")

"""Two nodes of one owner: one history at both, row for row."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.api.group_rest import client_of
from tests.e2e.linked import (
    a_day_later,
    acquainted,
    cut_off,
    differences,
    linked,
    synced,
    texts,
)
from tests.e2e.world import World
from zentalk.errors import ConflictError, NotFoundError
from zentalk.node.linked import feeder
from zentalk.node.linked.replica_actions import READ_ONLY
from zentalk.store.history import feed
from zentalk.store.history import unread as counts
from zentalk.store.history.models import RequestKey
from zentalk.wire.message_link import MessageLink

pytestmark = pytest.mark.e2e


async def test_a_replica_has_the_history_row_for_row_and_follows(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    assert await texts(world, "bob two") == ["hello from alice", "hello from bob"]
    sent = await world.send("bob", "alice", "to alice")
    await world.until_state("bob", sent, "delivered")
    await world.nodes["bob"].chat.react(world.nodes["alice"].address, sent.id, "👍")
    await synced(world)
    assert await texts(world, "bob two") == ["hello from alice", "hello from bob", "to alice"]
    assert len(await world.nodes["bob"].contacts()) == 1
    assert [one.name for one in await world.nodes["bob two"].contacts()] == ["alice"]
    state = await world.nodes["bob"].links.state()
    assert state.role == "first"
    assert (await world.nodes["bob two"].links.state()).role == "replica"


async def test_a_first_copy_goes_on_over_restarts_and_has_what_was_written_meanwhile(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "step", partial(feed.step, rows=1))
    monkeypatch.setattr(feeder, "STEP_SECONDS", 5.0)
    await acquainted(world)
    await world.replica("bob two", (await world.nodes["bob"].links.open()).code)

    async def is_copying() -> bool:
        return await world.nodes["bob"]._database.read(feed.has_steps)

    await world.until(is_copying)
    for number in range(2):
        await world.crash("bob")
        await world.person("bob")
        assert await is_copying()
        await world.send("bob", "alice", f"meanwhile {number}")
    await synced(world)
    assert not await is_copying()
    assert (await texts(world, "bob two"))[2:] == ["meanwhile 0", "meanwhile 1"]


async def test_a9_apart_for_three_days_with_both_in_use_then_together_they_have_one_history(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "TAKEN_AT_ONCE", 1)
    await linked(world)
    alice, bob = world.nodes["alice"].address, world.nodes["bob"].address
    cut_off(world, "bob two")
    replica = world.nodes["bob two"]
    for day in range(3):
        await a_day_later(world, "alice", "bob")
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            message = await world.send(sender, reader, f"day {day} from {sender}")
            await world.until_state(sender, message, "delivered")
        replica = await world.person("bob two", ready=False)
        line = await replica.send_text(alice, f"day {day} from the replica")
        assert (line.state, line.seq) == ("pending", 0)
        await trio.sleep(1)
    first = (await world.nodes["bob"].messages(alice))[0]
    await replica.chat.react(alice, first.id, "👋")
    shown = await texts(world, "bob two")
    hello = ["hello from alice", "hello from bob"]
    assert shown == [*hello, *(f"day {day} from the replica" for day in range(3))]
    assert len(await texts(world, "bob")) == 8
    cut_off(world, "bob two", cut=False)

    async def placed() -> bool:
        return len(await texts(world, "bob")) == 11 and not differences(world, "bob", "bob two")

    await world.until(placed)
    assert await texts(world, "bob two") == await texts(world, "bob")
    assert (await texts(world, "bob"))[:8] == [
        *hello,
        *(f"day {day} from {who}" for day in range(3) for who in ("alice", "bob")),
    ], "an order that was shown is not changed"

    async def arrived() -> bool:
        read = await texts(world, "alice", "in")
        expected = [f"day {day} from {who}" for day in range(3) for who in ("bob", "the replica")]
        return sorted(read[1:]) == sorted(expected)

    await world.until(arrived)
    lines = await world.nodes["alice"].messages(bob)
    assert [one["emoji"] for one in lines[0].reactions] == ["👋"]
    assert (await world.nodes["bob two"].links.state()).pending == 0


async def test_what_is_pending_is_found_by_its_link_and_a_repeated_request_adds_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    cut_off(world, "bob two")
    replica, alice = world.nodes["bob two"], world.nodes["alice"].address
    hello = (await replica.messages(alice))[0]
    line = await replica.send_text(alice, "from here")
    assert (await replica.linked_message(MessageLink(replica.address, line.id))).seq == 0
    with pytest.raises(NotFoundError):
        await replica.linked_message(MessageLink(replica.address, "00" * 16))
    sent = [await replica.forward(alice, alice, hello.id, RequestKey("once")) for _ in range(2)]
    assert sent[0].id == sent[1].id
    assert (await texts(world, "bob two"))[2:] == ["from here", "hello from alice"]


async def test_what_cannot_be_done_at_a_replica_is_refused_and_says_where_it_can(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    replica, alice = world.nodes["bob two"], world.nodes["alice"].address
    for refused in (
        replica.add_contact(alice, "another name"),
        replica.block(alice),
        replica.chat.mute(alice, 2e9),
        replica.links.open(),
        replica.first_contact.invites.create("carol"),
    ):
        with pytest.raises(ConflictError) as raised:
            await refused
        assert str(raised.value) == READ_ONLY
    assert not differences(world, "bob", "bob two")


async def test_what_the_first_cannot_do_is_said_at_the_replica(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    bob, replica, alice = world.nodes["bob"], world.nodes["bob two"], world.nodes["alice"].address
    cut_off(world, "bob two")
    line = await replica.send_text(alice, "to somebody who is blocked by now")
    again = await replica.send_text(alice, "and again")
    await bob.block(alice)
    cut_off(world, "bob two", cut=False)

    async def refused() -> bool:
        return (await replica.message(line.id)).state == "failed"

    await world.until(refused)
    found = await replica.message(line.id)
    assert found.reason == "this person is blocked: unblock them first"
    assert (await replica.message(again.id)).state == "failed"
    with pytest.raises(NotFoundError):
        await bob.message(line.id)


async def test_a_code_is_used_once_and_whoever_comes_later_is_nobody(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    bob = world.nodes["bob"]
    with pytest.raises(ConflictError, match="unlink it first"):
        await bob.links.open()
    [link] = (await bob.links.state()).links
    await bob.links.remove(link.id)
    code = await bob.links.open()
    await world.replica("bob three", code.code)
    await world.until(lambda: not differences(world, "bob", "bob three"))
    await world.replica("eve", code.code)
    await trio.sleep(60)
    assert differences(world, "bob", "eve")
    state = await bob.links.state()
    assert [one.state for one in state.links] == ["linked"]
    assert len(await bob.contacts()) == 1, "what strangers say as nodes of the owner is dropped"


async def test_an_unlinked_replica_is_told_nothing_more(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    bob, alice = world.nodes["bob"], world.nodes["alice"].address
    [link] = (await bob.links.state()).links
    await bob.links.remove(link.id)
    before = await texts(world, "bob two")
    message = await bob.send_text(alice, "not for the other one")
    await world.until_state("bob", message, "delivered")
    await trio.sleep(60)
    assert await texts(world, "bob two") == before
    assert (await bob.links.state()).role == "alone"
    assert await bob._database.read(feed.head) > 0, "numbers are not used again"
    assert await bob._database.read(lambda tx: feed.page(tx, 0).rows) == b""


async def test_what_is_answered_again_at_a_replica_is_that_of_its_copy_as_it_is_now(
    world: World, autojump_clock: Clock
) -> None:
    """REST keeps answers until the next commit: at a replica that of the copy, not of its own."""
    await linked(world)
    replica, alice = world.nodes["bob two"], world.nodes["alice"].address
    async with client_of(replica) as rest:

        async def unread() -> int:
            [shown] = (await rest.get("/v1/conversations")).json()["conversations"]
            return int(shown["unread"])

        before = await unread()
        await replica._history.write_frozen(lambda tx: counts.add(tx, alice, 5))
        assert await unread() == before + 5

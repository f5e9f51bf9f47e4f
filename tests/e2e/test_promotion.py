"""A replica is promoted: conversations go on there, and the first finds out and is silent."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.linked import (
    PHRASE,
    a_day_later,
    cut_off,
    destroyed,
    differences,
    linked,
    promoted,
    synced,
    texts,
)
from tests.e2e.world import World
from zentalk.errors import ConflictError, DecodeError
from zentalk.node.linked import standing
from zentalk.node.linked.status import OUTDONE
from zentalk.node.replica.comeback import NOT_OUTDONE, follow_again
from zentalk.node.replica.promotion import WRONG_PHRASE, promote
from zentalk.store.history.contacts import OTHER_NODE
from zentalk.wire.invite import parse_link_code

pytestmark = pytest.mark.e2e


async def test_the_first_is_destroyed_and_conversations_go_on_at_the_replica(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    alice = world.nodes["alice"]
    bob = world.nodes["bob"].address
    await alice.first_contact.verification.verify(bob, None)
    await destroyed(world, "bob")
    waiting = await world.send("alice", "bob", "is anybody there?")
    second = await promoted(world)
    assert second.address == bob
    await world.until_state("alice", waiting, "delivered")
    sent = await second.send_text(alice.address, "I am here now")
    await world.until_state("bob two", sent, "delivered")
    assert await texts(world, "bob two") == [
        "hello from alice", "hello from bob", "is anybody there?", "I am here now",
    ]  # fmt: skip
    assert await texts(world, "alice", "in") == ["hello from bob", "I am here now"]
    [seen] = await alice.contacts()
    assert (seen.verified, seen.warning) == (False, OTHER_NODE)
    changes = [event for event in await alice.events(0) if event.type == "contact.key-changed"]
    assert len(changes) == 1
    await alice.first_contact.verification.verify(bob, None)
    assert (await alice.contacts())[0].verified


async def test_what_was_confirmed_after_the_last_sync_is_named_as_a_gap_and_nothing_else_is(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    cut_off(world, "bob two")
    lost = [await world.send("alice", "bob", f"lost {number}") for number in range(3)]
    for message in lost:
        await world.until_state("alice", message, "delivered")
    mine = await world.send("bob", "alice", "lost too")
    await world.until_state("bob", mine, "delivered")
    await destroyed(world, "bob")
    cut_off(world, "bob two", cut=False)
    late = await world.send("alice", "bob", "not lost")
    second = await promoted(world)
    await world.until_state("alice", late, "delivered")

    async def named() -> bool:
        page = await second.messages(world.nodes["alice"].address)
        return sum(line.missing for line in page) >= 4

    await world.until(named)
    await trio.sleep(60)
    page = await second.messages(world.nodes["alice"].address)
    gaps = [(line.direction, line.missing) for line in page if line.missing]
    assert sorted(gaps) == [("in", 3), ("out", 1)]
    assert await texts(world, "bob two", "in") == ["hello from alice", "not lost"]
    again = await world.send("alice", "bob", "afterwards")
    await world.until_state("alice", again, "delivered")
    mine = await second.send_text(world.nodes["alice"].address, "mine afterwards")
    await world.until_state("bob two", mine, "delivered")
    page = await second.messages(world.nodes["alice"].address)
    assert sum(line.missing for line in page) == 4


async def test_what_was_written_at_the_replica_and_not_placed_is_sent_after_its_promotion(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    await destroyed(world, "bob")
    alice = world.nodes["alice"].address
    written = await world.nodes["bob two"].send_text(alice, "nobody has this")
    assert written.state == "pending"
    await promoted(world)
    await world.until_state("bob two", written, "delivered")
    assert await texts(world, "alice", "in") == ["hello from bob", "nobody has this"]


async def came_back(world: World) -> None:
    """The first is off while its replica is promoted and used, and comes back a day later."""
    await linked(world)
    alice = world.nodes["alice"].address
    unsent = await world.nodes["bob"].send_text(alice, "written at the first")
    await world.until_state("bob", unsent, "delivered")
    await synced(world)
    await world.crash("bob")
    await world.send("alice", "bob", "for whoever is there")
    second = await promoted(world)
    message = await second.send_text(alice, "from the second")
    await world.until_state("bob two", message, "delivered")
    await a_day_later(world, "alice", "bob two")


async def test_the_first_comes_back_a_day_later_notices_within_a_minute_and_says_so(
    world: World, autojump_clock: Clock
) -> None:
    await came_back(world)
    late = await world.send("alice", "bob", "a day later")
    first = await world.person("bob", ready=False)
    await world.until(lambda: OUTDONE in first.status().notes, 60)
    state = await first.links.state()
    assert (state.role, state.note) == ("outdone", OUTDONE)
    assert [event.type for event in await first.events(0)].count("node.outdone") == 1
    with pytest.raises(ConflictError, match="was replaced"):
        await first.send_text(world.nodes["alice"].address, "into the void")
    await world.until_state("alice", late, "delivered")
    assert "a day later" in await texts(world, "bob two")
    assert "for whoever is there" in await texts(world, "bob two")
    assert (await texts(world, "bob"))[-1] == "written at the first"
    assert first.status().mailboxes == 0
    await world.crash("bob")
    again = await world.person("bob", ready=False)
    await world.until(lambda: OUTDONE in again.status().notes, 1)


async def test_control_a_first_that_does_not_look_collects_and_says_nothing(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(_watch: standing.TermWatch) -> bool:
        return True

    await came_back(world)
    monkeypatch.setattr(standing.TermWatch, "_look", look)
    first = await world.person("bob")
    await trio.sleep(120)
    assert OUTDONE not in first.status().notes
    assert first.status().mailboxes == 2


async def test_the_first_becomes_the_replica_of_the_one_that_replaced_it_and_loses_nothing(
    world: World, autojump_clock: Clock
) -> None:
    await linked(world)
    alice = world.nodes["alice"].address
    cut_off(world, "bob")
    cut_off(world, "bob two")
    unsent = await world.nodes["bob"].send_text(alice, "never left")
    await world.crash("bob")
    cut_off(world, "bob", cut=False)
    cut_off(world, "bob two", cut=False)
    second = await promoted(world)
    code = parse_link_code((await second.links.open()).code)
    folder = world.folder / "bob"
    with pytest.raises(ConflictError) as refused:
        follow_again(folder, code, random.Random(3).randbytes, world.runtime.wall())
    assert str(refused.value) == NOT_OUTDONE
    first = await world.person("bob", ready=False)
    await world.until(lambda: OUTDONE in first.status().notes, 60)
    await world.crash("bob")
    kept = follow_again(folder, code, random.Random(3).randbytes, world.runtime.wall())
    assert (kept / "history.db").exists()
    assert (kept / "identity.key").exists()
    await world.person("bob")

    async def arrived() -> bool:
        return "never left" in await texts(world, "alice", "in")

    await world.until(arrived)
    await world.until(lambda: not differences(world, "bob two", "bob"))
    assert "never left" in await texts(world, "bob")
    assert (await world.nodes["bob"].links.state()).role == "replica"
    assert (await second.message(unsent.id)).text == "never left"


@pytest.mark.parametrize(
    ("phrase", "refused"),
    [
        ("", DecodeError),
        ("abandon " * 11 + "about", ConflictError),
        (" ".join(reversed(PHRASE.split())), DecodeError),
    ],
)
async def test_a_replica_without_the_phrase_cannot_be_promoted(
    world: World, autojump_clock: Clock, phrase: str, refused: type[Exception]
) -> None:
    await linked(world)
    await world.crash("bob two")
    folder = world.folder / "bob two"
    with pytest.raises(refused) as raised:
        promote(folder, phrase, world.runtime.wall())
    if refused is ConflictError:
        assert str(raised.value) == WRONG_PHRASE
    seed = bytes((world.folder / "bob" / "identity.key").read_bytes().split(b"\n")[1])
    raw = bytes.fromhex(seed.decode())
    for path in folder.rglob("*"):
        if path.is_file():
            assert raw not in path.read_bytes()
            assert seed not in path.read_bytes()
    again = await world.person("bob two")
    assert (await again.links.state()).role == "replica"
    assert (await again.links.state()).term == 0

"""Two people who write far more to each other than is under way, while the other is not there."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_session_recovery import delivered
from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from zentalk.ids import UserAddress
from zentalk.node.delivery import in_flight, session_recovery
from zentalk.node.delivery.recipients import Recipients
from zentalk.node.messages import compose
from zentalk.node.sessions import evidence, running_ahead
from zentalk.node.sessions.sessions import Sender
from zentalk.session import skipped
from zentalk.store.history import outbox
from zentalk.store.history.models import StoredMessage
from zentalk.store.sqlite import Transaction

pytestmark = pytest.mark.e2e

Written = dict[str, list[StoredMessage]]
OTHER = {"alice": "bob", "bob": "alice"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 16 are under way and 8 sent at a time; a reader gets over 40."""
    monkeypatch.setattr(running_ahead, "MAX_UNDER_WAY", 16)
    monkeypatch.setattr(running_ahead, "MAX_UNREAD", 20)
    monkeypatch.setattr(running_ahead, "MAX_NUMBERS", 40)
    monkeypatch.setattr(skipped, "MAX_GAP", 40)
    monkeypatch.setattr(in_flight, "IN_FLIGHT", 8)


def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be encrypted at once, and confirmations look at the outbox alone."""

    def has_numbers(tx: Transaction, contact: UserAddress, sender: Sender) -> bool:
        most = running_ahead.MAX_UNREAD
        return sender.unanswered < most and outbox.count(tx, contact, most) < most

    monkeypatch.setattr(compose, "_room", lambda tx, contact, sender: 10**9)
    monkeypatch.setattr(running_ahead, "has_numbers", has_numbers)


async def write_apart(world: World, count: int) -> Written:
    """Each writes while the other is not there, and has read nothing of it when both are gone."""
    await world.crash("bob")
    written = {"alice": await write(world, "alice", count)}
    await trio.sleep(60)
    await world.crash("alice")
    for relay in world.relays:
        world.memory.cut("bob", relay)
    await world.person("bob", ready=False)
    written["bob"] = await write(world, "bob", count)
    await world.crash("bob")
    for relay in world.relays:
        world.memory.mend("bob", relay)
    return written


async def write(world: World, name: str, count: int) -> list[StoredMessage]:
    return [await world.send(name, OTHER[name], f"{name} {number}") for number in range(count)]


async def come_back(world: World) -> None:
    for name in OTHER:
        await world.person(name)


async def inbox(world: World, name: str) -> list[str]:
    """Return all texts that somebody has received."""
    lines: list[StoredMessage] = []
    while True:
        before = lines[0].seq if lines else None
        page = await world.nodes[name].messages(world.nodes[OTHER[name]].address, before, 1000)
        if not page:
            return [one.text for one in lines if one.direction == "in" and one.kind == "text"]
        lines = page + lines


async def all_arrive(world: World, written: Written, seconds: float) -> None:
    """Each message arrives once, in order, and its writer knows."""
    for name, sent in written.items():
        await delivered(world, name, sent, seconds)
        texts = [f"{name} {number}" for number in range(len(sent))]
        assert await inbox(world, OTHER[name]) == ["hello", *texts]


@pytest.mark.long
async def test_two_who_wrote_600_texts_each_while_the_other_was_away_get_all(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    written = await write_apart(world, 600)
    await come_back(world)
    await all_arrive(world, written, 1_800)


@pytest.mark.usefixtures("small")
async def test_the_same_with_small_bounds(world: World, autojump_clock: Clock) -> None:
    await acquainted(world)
    written = await write_apart(world, 60)
    await come_back(world)
    await all_arrive(world, written, 600)


@pytest.mark.usefixtures("small")
async def test_control_without_a_bound_neither_gets_more_than_is_sent_at_a_time(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_was(monkeypatch)
    await acquainted(world)
    await write_apart(world, 60)
    await come_back(world)
    await trio.sleep(600)
    assert {name: len(await inbox(world, name)) for name in OTHER} == {"alice": 9, "bob": 9}


@pytest.mark.usefixtures("small")
async def test_a_full_window_looks_nobody_up_and_needs_no_reason(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a start: who has a ratchet waits for its turn alone."""
    await acquainted(world)
    await world.crash("bob")
    wanted: list[UserAddress] = []
    monkeypatch.setattr(Recipients, "need_session", lambda _, contact: wanted.append(contact))
    sent = await write(world, "alice", 60)
    await world.crash("alice")
    await world.person("alice")
    await trio.sleep(600)
    assert wanted == []
    last = await world.nodes["alice"].message(sent[-1].id)
    assert (last.state, last.reason) == ("queued", "")
    await world.person("bob")
    await all_arrive(world, {"alice": sent}, 600)


@pytest.mark.usefixtures("small")
async def test_what_an_earlier_version_has_encrypted_arrives_after_an_upgrade(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    with monkeypatch.context() as earlier:
        as_it_was(earlier)
        written = await write_apart(world, 38)
    await come_back(world)
    await all_arrive(world, written, 600)


@pytest.mark.usefixtures("small")
async def test_what_nobody_could_get_over_arrives_a_day_after_an_upgrade(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No confirmation would be readable: then the mail gets a new ratchet. A day is 10 minutes."""
    monkeypatch.setattr(evidence, "DOUBT_SECONDS", 600.0)
    monkeypatch.setattr(session_recovery, "LOOK_SECONDS", 60.0)
    await acquainted(world)
    with monkeypatch.context() as earlier:
        as_it_was(earlier)
        written = await write_apart(world, 60)
    await come_back(world)
    await trio.sleep(300)
    assert [len(await inbox(world, name)) for name in OTHER] == [9, 9]
    await all_arrive(world, written, 1_200)


async def write_apart_and_lose_a_ratchet(world: World) -> Written:
    """Both windows are full of mail in a ratchet that Bob does not have any more."""
    await acquainted(world)
    await trio.sleep(60)  # until nothing is left to be confirmed, which would open a ratchet too
    written = await write_apart(world, 20)
    with closing(sqlite3.connect(world.folder / "bob" / "history.db")) as database:
        database.execute("DELETE FROM ratchets")
        database.commit()
    await come_back(world)
    return written


@pytest.mark.usefixtures("small")
async def test_a_new_ratchet_waits_for_no_mail_that_only_it_can_heal(
    world: World, autojump_clock: Clock
) -> None:
    written = await write_apart_and_lose_a_ratchet(world)
    await all_arrive(world, written, 600)


@pytest.mark.usefixtures("small")
async def test_control_where_it_waits_for_its_turn_nothing_more_arrives(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "BESIDE", 0)
    await write_apart_and_lose_a_ratchet(world)
    await trio.sleep(3_600)
    assert [len(await inbox(world, name)) for name in OTHER] == [9, 1]

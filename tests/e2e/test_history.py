"""History lives at the API node alone and lasts; any relay will do.

A2, A6, A7, A10, A11, A12, C1, D9 and E8 over real relays and nodes.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import START_WALL, World
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.mailbox.settings import MailboxSettings
from zentalk.node import housekeeping
from zentalk.node.messages import ordering
from zentalk.node.messages.reasons import Reason
from zentalk.relay import wiring
from zentalk.store.history import ratchets
from zentalk.store.history.models import MessageState, RatchetRow, StoredMessage
from zentalk.store.key_file import create_identity
from zentalk.store.sqlite import Transaction
from zentalk.wire.ratchet import InitialHeader

pytestmark = pytest.mark.e2e


async def start(world: World, relays: int = 4) -> None:
    await world.relay_net(relays)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")


async def exchange(world: World, *texts: str) -> list[StoredMessage]:
    """Alice writes, Bob answers the same in brackets."""
    sent = []
    for text in texts:
        sent.append(await world.send("alice", "bob", text))
        await world.until_state("alice", sent[-1], "delivered")
        answer = await world.send("bob", "alice", f"({text})")
        await world.until_state("bob", answer, "delivered")
    return sent


def rows(world: World, name: str, query: str) -> list[tuple[object, ...]]:
    """Ask a program's database from outside."""
    path = world.folder / name / "history.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


async def shown(world: World, name: str, other: str) -> list[StoredMessage]:
    return await world.nodes[name].messages(world.nodes[other].address, None, 1000)


async def test_a10_c1_history_survives_kills_and_years_and_the_end_of_all_relays(
    world: World, autojump_clock: Clock
) -> None:
    await start(world)
    texts = [f"line {number}" for number in range(8)]
    await exchange(world, *texts)
    before = {name: await shown(world, name, other) for name, other in pairs()}
    contacts = await world.nodes["bob"].contacts()
    events = await world.nodes["bob"].events(0)
    assert [m.text for m in before["bob"]] == [t for text in texts for t in (text, f"({text})")]
    assert rows(world, "bob", "SELECT 1 FROM seen")
    for name in ("alice", "bob", *world.relays):
        await world.crash(name)
    for relay in world.relays:
        shutil.rmtree(world.folder / relay)

    for years in (1, 5, 20):
        late = START_WALL + years * 365 * DAY_SECONDS
        world.runtime = replace(world.runtime, wall=clock_from(late))
        for name, other in pairs():
            await world.person(name, ready=False)
            await trio.sleep(5)
            assert await shown(world, name, other) == before[name]
        assert await world.nodes["bob"].contacts() == contacts
        assert await world.nodes["bob"].events(0) == events
        for name in ("alice", "bob"):
            await world.crash(name)
    # Control: the sweep did run; what is only kept for a time is gone.
    assert rows(world, "bob", "SELECT 1 FROM seen WHERE message_id IS NOT NULL") == []


def clock_from(wall: float) -> Callable[[], float]:
    return lambda: wall + trio.current_time()


def pairs() -> tuple[tuple[str, str], tuple[str, str]]:
    return (("alice", "bob"), ("bob", "alice"))


async def test_a10_everything_stops_at_once_and_the_conversation_goes_on(
    world: World, autojump_clock: Clock
) -> None:
    await start(world)
    await exchange(world, "before")
    queued = await world.send("alice", "bob", "written just before the lights went out")
    for name in ("alice", "bob", *world.relays):
        await world.crash(name)
    for relay in list(world.relays):
        await world.relay(relay)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.until_state("alice", queued, "delivered")
    await exchange(world, "after")
    assert [m.text for m in await shown(world, "alice", "bob")] == [
        m.text for m in await shown(world, "bob", "alice")
    ]


async def test_a11_every_program_writes_into_its_own_folder_only(
    world: World, autojump_clock: Clock
) -> None:
    """A queue database at relays; history and keys at the API node; nothing elsewhere."""
    await world.relay("r1", port=9001)
    await world.relay("r2", port=9002)
    await world.relay("r3", port=9003)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    await exchange(world, "hello")
    await world.crash("bob")
    await world.send("alice", "bob", "waiting")
    await trio.sleep(30)
    assert {path.name for path in world.folder.iterdir()} == {"r1", "r2", "r3", "alice", "bob"}
    for number in (1, 2, 3):
        assert databases(world.folder / f"r{number}") == {"directory.db", "queue.db"}
    for name in ("alice", "bob"):
        assert databases(world.folder / name) == {"history.db"}
    names = [t for (t,) in rows(world, "alice", "SELECT name FROM sqlite_schema")]
    assert "envelope" not in names
    for relay in ("r1", "r2", "r3"):
        tables = {t for (t,) in world.rows(relay, "SELECT name FROM sqlite_schema")}
        assert not tables & {"messages", "contacts", "ratchets", "events"}


def databases(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.db")}


async def test_a12_a_node_uses_relays_that_nobody_told_it_of(
    world: World, autojump_clock: Clock
) -> None:
    """One bootstrap's URI is enough to enter through any public relay, and to change it."""
    await world.relay_net(5)
    await world.person("bob", bootstraps=(world.uris["r2"], world.uris["r3"]))
    for entry in ("r4", "r5"):
        if "alice" in world.nodes:
            await world.crash("alice")
        await world.person("alice", bootstraps=(world.uris["r1"],), guards=(world.uris[entry],))
        await world.friends("alice", "bob")
        used = world.nodes["alice"]._network.connected_guards()
        assert used == (world.relays[entry].node_id,)
        message = await world.send("alice", "bob", f"through {entry}")
        await world.until_state("alice", message, "delivered")
    assert await world.inbox("bob", "alice") == ["through r4", "through r5"]


async def test_a2_two_days_two_entries_two_conversations_one_history(
    world: World, autojump_clock: Clock
) -> None:
    """Everything is off overnight; on the next day Alice enters through another relay."""
    await world.relay_net(3)
    people = ("alice", "bob", "carol")
    for day, entry in enumerate(("r1", "r3"), 1):
        for name in people:
            await world.person(name, guards=(world.uris[entry],) if name == "alice" else ())
        await world.friends(*people)
        entered = world.nodes["alice"]._network.connected_guards()
        assert entered == (world.relays[entry].node_id,)
        for friend in ("bob", "carol"):
            sent = await world.send("alice", friend, f"to {friend} on day {day}")
            await world.until_state("alice", sent, "delivered")
            answer = await world.send(friend, "alice", f"from {friend} on day {day}")
            await world.until_state(friend, answer, "delivered")
        if day == 1:
            for name in (*people, *world.relays):
                await world.crash(name)
            world.runtime = replace(world.runtime, wall=clock_from(START_WALL + DAY_SECONDS))
            for relay in list(world.relays):
                await world.relay(relay)
    for friend in ("bob", "carol"):
        page = await shown(world, "alice", friend)
        assert [m.text for m in page] == [
            f"{way} {friend} on day {day}" for day in (1, 2) for way in ("to", "from")
        ]
        days = [int(m.sent_at // DAY_SECONDS) for m in page]
        assert days == [days[0], days[0], days[0] + 1, days[0] + 1]


async def test_a6_mail_that_waits_is_found_through_any_entry(
    world: World, autojump_clock: Clock
) -> None:
    """Also through his own mailbox relays: then the copy at the other one is collected."""
    await start(world)
    await exchange(world, "hello")
    expected = ["hello"]
    for entry in list(world.relays):
        await world.crash("bob")
        text = f"waiting for Bob at {entry}"
        message = await world.send("alice", "bob", text)
        await world.until_state("alice", message, "sent")
        await trio.sleep(10)
        assert world.holders()
        await world.person("bob", guards=(world.uris[entry],), ready=False)
        await world.until_state("alice", message, "delivered")
        entered = world.nodes["bob"]._network.connected_guards()
        assert entered == (world.relays[entry].node_id,)
        expected.append(text)
        await world.until_inbox("bob", "alice", expected)


async def test_e8_a_first_message_uses_up_a_one_time_prekey_of_its_reader(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identity, signed and one-time keys of both kinds; the owner deletes what was used."""
    made: list[RatchetRow] = []
    insert = ratchets.insert

    def watched(tx: Transaction, row: RatchetRow) -> None:
        made.append(row)
        insert(tx, row)

    monkeypatch.setattr(ratchets, "insert", watched)
    await world.relay_net(4)
    await world.person("alice")
    await world.person("bob")
    before = set(rows(world, "bob", "SELECT id FROM prekeys WHERE kind = 'once'"))
    await world.friends("alice", "bob")
    await world.send("alice", "bob", "hello")
    await world.until_inbox("bob", "alice", ["hello"])
    initiated, accepted = made
    assert (initiated.ratchet_id, accepted.initial_header) == (accepted.ratchet_id, None)
    header = InitialHeader.from_bytes(initiated.initial_header or b"")
    assert header.identity == world.nodes["alice"].address
    assert (header.one_time_id,) in before
    after = set(rows(world, "bob", "SELECT id FROM prekeys WHERE kind = 'once'"))
    assert before - after == {(header.one_time_id,)}


async def test_a7_a_row_deleted_at_one_relay_loses_neither_history_nor_waiting_mail(
    world: World, autojump_clock: Clock
) -> None:
    """The operator deletes under the running relay; the copy at the other relay arrives."""
    await start(world)
    await exchange(world, "kept")
    before = await shown(world, "bob", "alice")
    await world.crash("bob")
    message = await world.send("alice", "bob", "waiting")
    await trio.sleep(30)
    first, second = world.mailbox_relays("bob")
    assert (world.envelopes(first), world.envelopes(second)) == (1, 1)
    [path] = (world.folder / first).glob("queue*.db")
    with closing(sqlite3.connect(path)) as operator:
        assert operator.execute("DELETE FROM envelope").rowcount == 1
        operator.commit()
    await world.person("bob")
    await world.until_state("alice", message, "delivered")
    after = await shown(world, "bob", "alice")
    assert after[: len(before)] == before
    assert [m.text for m in after[len(before) :]] == ["waiting"]


# --- D9: nobody there ----------------------------------------------------------------------------


def nobody_yet(world: World, name: str) -> UserAddress:
    """The address of somebody who has made an identity and never been online."""
    folder = world.folder / name
    folder.mkdir(mode=0o700)
    return UserAddress(create_identity(folder, world.runtime.for_part(name).entropy).public)


async def test_d9_mail_for_somebody_never_seen_is_queued_and_goes_when_they_appear(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(4)
    await world.person("alice")
    alice = world.nodes["alice"]
    bob = nobody_yet(world, "bob")
    message = await alice.send_text(bob, "are you there?")
    assert message.state == "queued"
    await trio.sleep(120)
    assert (await alice.message(message.id)).state == "queued"
    assert world.holders() == [], "there is nowhere to leave it yet"
    await world.crash("alice")
    await world.person("alice")
    await world.person("bob")
    await world.until_state("alice", message, "sent")
    await world.nodes["bob"].add_contact(alice.address, "alice")
    await world.until_state("alice", message, "delivered")
    assert await world.inbox("bob", "alice") == ["are you there?"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_d9_the_sender_is_told_when_the_time_of_a_message_is_over(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    monkeypatch.setattr(housekeeping, "SWEEP_SECONDS", 60.0)
    await world.relay_net(3)
    await world.person("alice", message_ttl_seconds=120)
    bob = nobody_yet(world, "bob")
    message = await world.nodes["alice"].send_text(bob, "are you there?")
    if restarts:
        await world.crash("alice")
        await world.person("alice")
    alice = world.nodes["alice"]
    await world.until_state("alice", message, "failed")
    told = await alice.message(message.id)
    assert told.reason
    states = [e.data["state"] for e in await alice.events(0) if e.type == "message.state"]
    assert states == ["queued", "failed"], "once with the reason why it waits, once at its end"


async def test_d9_beyond_the_cap_mail_stays_queued_at_its_sender_and_arrives_later(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`durable`: the newest is refused without an ack, and its sender can see that."""
    cap, count = 5, 14
    monkeypatch.setattr(wiring, "mailbox_settings", lambda _: MailboxSettings(contact_quota=cap))
    await start(world)
    await exchange(world, "hello")
    await world.crash("bob")
    sent = [await world.send("alice", "bob", f"{number}") for number in range(count)]
    await trio.sleep(120)
    assert {world.envelopes(relay) for relay in world.mailbox_relays("bob")} == {cap}
    states = [(await world.nodes["alice"].message(message.id)).state for message in sent]
    assert set(states) == {"sent", "queued"}
    assert cap <= states.count(MessageState.SENT) <= 2 * cap, "each relay took what it may"
    shown = [await world.nodes["alice"].message(message.id) for message in sent]
    waits = {(message.state, message.reason) for message in shown}
    assert waits == {("sent", Reason.NONE), ("queued", Reason.NOT_ACKNOWLEDGED)}
    await world.person("bob")
    for message in sent:
        await world.until_state("alice", message, "delivered")
        assert not (await world.nodes["alice"].message(message.id)).reason
    await trio.sleep(ordering.HOLD_SECONDS)
    texts = await world.inbox("bob", "alice")
    assert sorted(texts[1:], key=int) == [f"{number}" for number in range(count)]

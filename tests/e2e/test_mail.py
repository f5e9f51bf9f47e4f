"""Offline and back: what waits, where it waits, and that it goes away (A3-A7, B1-B7)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import StorageFullError
from zentalk.node.mailboxes.collector import Collector
from zentalk.store.history.database import HistoryDatabase

pytestmark = pytest.mark.e2e


async def start(world: World, relays: int = 5) -> None:
    await world.relay_net(relays)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")


async def acquainted(world: World, relays: int = 5) -> None:
    """Both have exchanged a message, so that each uses the other's own send ids."""
    await start(world, relays)
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")


async def test_a3_b1_while_both_are_online_nothing_touches_a_relays_disk(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    for number in range(10):
        message = await world.send("alice", "bob", f"{number}")
        await world.until_state("alice", message, "delivered")
    await trio.sleep(10)
    assert world.holders() == []
    for relay in world.relays:
        assert world.rows(relay, "SELECT count(*) FROM envelope") == [(0,)]
    # Not even for a moment: AUTOINCREMENT remembers every row there ever was.
    assert await world.inbox("bob", "alice") == ["hello", *map(str, range(10))]


async def test_a4_b2_b3_mail_waits_only_at_the_mailbox_relays_and_goes_after_the_ack(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await world.crash("bob")
    texts = [f"waiting {number}" for number in range(12)]
    sent = [await world.send("alice", "bob", text) for text in texts]
    await world.until_state("alice", sent[-1], "sent")
    await trio.sleep(60)
    assert sorted(world.holders()) == sorted(world.mailbox_relays("bob"))
    assert {world.envelopes(relay) for relay in world.holders()} == {12}
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", *texts])
    for message in sent:
        await world.until_state("alice", message, "delivered")
    await world.until(lambda: world.holders() == [], 30)


async def test_a5_b4_expired_mail_vanishes_and_cannot_be_collected(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(4, queue_ttl_seconds=7200, sweep_seconds=600)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    first = await world.send("alice", "bob", "hello")
    await world.until_state("alice", first, "delivered")
    await world.crash("bob")
    await world.send("alice", "bob", "too late")
    await trio.sleep(60)
    assert len(world.holders()) == 2
    await world.crash("alice")  # so that nobody deposits it again
    await trio.sleep(3 * 3600)
    assert world.holders() == []
    await world.person("bob")
    await trio.sleep(120)
    assert await world.inbox("bob", "alice") == ["hello"]


async def test_a7_deleting_a_queue_row_never_touches_delivered_history(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    for relay in world.relays:
        await world.crash(relay)
        for path in (world.folder / relay).glob("queue*.db*"):
            path.unlink()
    assert await world.inbox("bob", "alice") == ["hello"]
    for relay in list(world.relays):
        await world.relay(relay)
    message = await world.send("alice", "bob", "still works")
    await world.until_state("alice", message, "delivered")
    assert await world.inbox("bob", "alice") == ["hello", "still works"]


async def test_b6_what_could_not_be_saved_is_not_acknowledged_and_comes_again(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    bob = world.nodes["bob"]
    write = HistoryDatabase.write
    failures = 0

    async def full(self: HistoryDatabase, job: object) -> object:
        nonlocal failures
        if (
            self is bob._database
            and failures < 3
            and "Receiver._save" in getattr(job, "__qualname__", "")
        ):
            failures += 1
            raise StorageFullError("no space left")
        return await write(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(HistoryDatabase, "write", full)
    message = await world.send("alice", "bob", "twice refused")
    await world.until_state("alice", message, "delivered")
    assert failures == 3
    assert await world.inbox("bob", "alice") == ["hello", "twice refused"]


async def test_b5_b7_lost_acks_bring_the_mail_again_and_it_is_shown_once(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    monkeypatch.setattr(Collector, "acknowledge", lambda self, seqs: None)
    message = await world.send("alice", "bob", "once")
    await world.until_state("alice", message, "delivered")
    await trio.sleep(10)
    assert world.holders()  # not acknowledged: the relay keeps it
    monkeypatch.undo()
    for name in ("alice", "bob"):
        await world.crash(name)
        await world.person(name)
    await world.until(lambda: world.holders() == [], 60)
    assert await world.inbox("bob", "alice") == ["hello", "once"]


async def test_a1_a2_a6_another_entry_relay_and_the_history_is_the_same(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    await world.person("alice", guards=(world.uris["r1"],))
    await world.person("bob")
    await world.friends("alice", "bob")
    first = await world.send("alice", "bob", "through r1")
    await world.until_state("alice", first, "delivered")
    assert world.nodes["alice"]._network.connected_guards() == (world.relays["r1"].node_id,)
    await world.crash("alice")
    await world.person("alice", guards=(world.uris["r3"],))
    assert world.nodes["alice"]._network.connected_guards() == (world.relays["r3"].node_id,)
    second = await world.send("alice", "bob", "through r3")
    await world.until_state("alice", second, "delivered")
    answer = await world.send("bob", "alice", "seen both")
    await world.until_state("bob", answer, "delivered")
    page = await world.nodes["alice"].messages(world.nodes["bob"].address, None, 100)
    assert [m.text for m in page] == ["through r1", "through r3", "seen both"]


async def test_with_guards_of_ones_choice_mailboxes_are_there_at_once_too(
    world: World, autojump_clock: Clock
) -> None:
    """Such a node is connected before it has seen any relay often enough for a mailbox."""
    await world.relay_net(4)
    began = trio.current_time()
    await world.person("alice", guards=(world.uris["r1"], world.uris["r2"]))
    await world.until(lambda: len(world.mailbox_relays("alice")) == 2)
    assert trio.current_time() - began < 15


async def test_a8_a1_relays_hold_sealed_bytes_and_no_names(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    await world.crash("bob")
    canary = "a text that nobody else may read"
    message = await world.send("alice", "bob", canary)
    await world.until_state("alice", message, "sent")
    await trio.sleep(30)
    secrets = [
        canary.encode(),
        bytes(world.nodes["alice"].address),
        bytes(world.nodes["bob"].address),
        world.nodes["bob"].address_text.encode(),
        bytes.fromhex(message.id),
    ]
    files = [path for relay in world.relays for path in (world.folder / relay).rglob("*")]
    assert any(path.name.startswith("queue") for path in files)
    for path in files:
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path.name
    # Control: the same search finds them where they belong.
    history = b"".join(path.read_bytes() for path in (world.folder / "alice").glob("history.db*"))
    assert canary.encode() in history
    assert bytes(world.nodes["bob"].address) in history


@pytest.mark.parametrize(
    "hours",
    [2, pytest.param(72, marks=pytest.mark.long)],
)
async def test_k39_an_owner_who_is_away_has_one_copy_per_message_and_relay(
    world: World, autojump_clock: Clock, hours: int
) -> None:
    await acquainted(world, relays=4)
    await world.crash("bob")
    for number in range(3):
        await world.send("alice", "bob", f"{number}")
    await trio.sleep(hours * 3600)
    assert {world.envelopes(relay) for relay in world.mailbox_relays("bob")} == {3}
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "0", "1", "2"])

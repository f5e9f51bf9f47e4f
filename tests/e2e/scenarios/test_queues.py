"""B9, B11, B12: sweeps, counted attempts, and who is online, at relays as they are started."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.scenarios.common import acquainted, arrives
from tests.e2e.world import World
from zentalk.config import RelaySettings
from zentalk.errors import StorageFullError
from zentalk.store.history.database import HistoryDatabase

pytestmark = pytest.mark.e2e


def counted(world: World, name: str, number: str) -> int:
    """Return a number of a relay's mailboxes."""
    return int(world.relays[name].stats().mailbox.get(number, 0))


async def test_b9_expired_mail_is_swept_at_start_every_hour_and_on_request(
    world: World, autojump_clock: Clock
) -> None:
    """The operator's own request is `POST /relay/cleanup`; at a relay without HTTP, its restart."""
    assert RelaySettings.model_fields["sweep_seconds"].get_default() == 3600
    await acquainted(world, queue_ttl_seconds=3600)
    for name in world.relays:
        assert counted(world, name, "sweeps") == 1, "at its start"
    name = await only_one_holder_is_left(world)
    await trio.sleep(2 * 3600)
    assert counted(world, name, "sweeps") == 1 + 2, "every 3,600 s"
    assert (world.envelopes(name), counted(world, name, "expired")) == (0, 1)
    world.relays[name].wiring.mailboxes.sweep()
    await trio.sleep(1)
    assert counted(world, name, "sweeps") == 1 + 2 + 1, "on request"


async def only_one_holder_is_left(world: World) -> str:
    """Let Alice write to Bob, who is away, and end all but one relay that keeps the message."""
    await world.crash("bob")
    await world.send("alice", "bob", "too late")
    await trio.sleep(60)
    await world.crash("alice")  # nobody deposits it again
    holders = world.holders()
    assert sorted(holders) == sorted(world.mailbox_relays("bob"))
    for name in world.relays:
        if name != holders[0]:
            await world.crash(name)
    assert world.envelopes(holders[0]) == 1
    return holders[0]


async def test_b9_what_expired_while_a_relay_was_off_goes_at_its_start(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world, queue_ttl_seconds=3600)
    name = await only_one_holder_is_left(world)
    await world.crash(name)
    await trio.sleep(30 * 3600)
    assert world.envelopes(name) == 1
    await world.relay(name, queue_ttl_seconds=3600)
    await trio.sleep(1)
    assert world.envelopes(name) == 0


async def test_b11_pushes_in_vain_are_counted_with_the_hour_of_the_last(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acquainted(world)
    bob, write, is_full = world.nodes["bob"], HistoryDatabase.write, True

    async def full(self: HistoryDatabase, job: object) -> object:
        if self is bob._database and is_full and "Receiver._save" in repr(job):
            raise StorageFullError("no space left")
        return await write(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(HistoryDatabase, "write", full)
    message = await world.send("alice", "bob", "in vain")
    await trio.sleep(100)
    hour = int(world.runtime.wall() // 3600)
    for name in world.mailbox_relays("bob"):
        query = "SELECT attempts, last_attempt_hour FROM envelope WHERE attempts > 1"
        rows = world.rows(name, query)
        assert rows, "pushed more than once"
        assert {last for _, last in rows} == {hour}
    is_full = False
    await arrives(world, message, ["hello", "in vain"])


async def test_b12_who_connects_is_online_and_gets_what_waits_and_who_leaves_is_not(
    world: World, autojump_clock: Clock
) -> None:
    await acquainted(world)
    homes = world.mailbox_relays("bob")
    before = {name: counted(world, name, "online") for name in homes}
    await world.crash("bob")
    await world.until(
        lambda: all(counted(world, name, "online") == before[name] - 1 for name in homes), 120
    )
    message = await world.send("alice", "bob", "waits")
    await world.until_state("alice", message, "sent")
    pushed = sum(counted(world, name, "pushed") for name in homes)
    began = trio.current_time()
    await world.person("bob")
    await arrives(world, message, ["hello", "waits"])
    assert trio.current_time() - began < 10, "pushed, and not asked for"
    assert {name: counted(world, name, "online") for name in homes} == before
    assert sum(counted(world, name, "pushed") for name in homes) > pushed

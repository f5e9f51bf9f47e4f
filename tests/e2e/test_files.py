"""Files through whole relays, in virtual time: brought there over tunnels, and read by others."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import trio
from trio.testing import MockClock

from tests.e2e.world import World
from zentalk.crypto.hashing import sha256
from zentalk.errors import UnavailableError
from zentalk.mesh import audit
from zentalk.node.files.care import pace, rounds
from zentalk.node.files.care.visits import FileVisits
from zentalk.node.files.views import FileView
from zentalk.node.messages.commands import Draft
from zentalk.store.history import files
from zentalk.store.history.files import FileState

pytestmark = pytest.mark.e2e

DAY = 120.0
"""Of care, where `short_days` is used."""
CANARY = b"what no relay may read "


def data_of(size: int) -> bytes:
    """Return bytes of which every part has the canary."""
    blocks = (sha256(at.to_bytes(4, "big")) + CANARY for at in range(-(-size // 55)))
    return b"".join(blocks)[:size]


async def body(data: bytes) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(data), 65_536):
        yield data[at : at + 65_536]


async def put(world: World, name: str, data: bytes) -> FileView:
    return await world.nodes[name].files.upload("cat.jpg", "image/jpeg", body(data), wait=True)


async def get(world: World, name: str, cid: str) -> bytes:
    library = world.nodes[name].files
    view = await library.view(cid)
    return b"".join([piece async for piece in library.pieces(view, 0, view.size)])


async def test_c2_c6_a_file_goes_to_its_reader_and_no_relay_can_read_it(
    world: World, autojump_clock: MockClock
) -> None:
    data = data_of(300_000)
    await world.relay_net(16)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    view = await put(world, "alice", data)
    assert view.state is FileState.KEPT
    health = await world.nodes["alice"].files.health(view.cid)
    assert (health.shards_live, health.survives_node_losses, health.silent) == (15, 5, 0)
    card = await world.nodes["alice"].files.card(view.cid)
    bob = world.nodes["bob"]
    sent = await world.nodes["alice"].send(bob.address, Draft(body=card))
    await world.until_state("alice", sent, "delivered")
    [line] = await bob.messages(world.nodes["alice"].address)
    assert (line.kind, line.text) == ("file", "cat.jpg")
    assert line.body is not None
    for number in range(2, 7):
        await world.crash(f"r{number}")
    assert await get(world, "bob", line.body["cid"]) == data
    for number in range(1, 17):
        found = b"".join(
            path.read_bytes() for path in (world.folder / f"r{number}").rglob("*") if path.is_file()
        )
        assert CANARY not in found


async def test_c5_c6_a_file_that_is_deleted_is_gone_at_every_relay(
    world: World, autojump_clock: MockClock
) -> None:
    await world.relay_net(5)
    await world.person("alice")
    view = await put(world, "alice", data_of(50_000))
    assert stored(world)
    await world.nodes["alice"].files.delete(view.cid)
    await world.until(lambda: not stored(world))
    assert await world.nodes["alice"].files.listing() == []


def stored(world: World) -> int:
    return sum(relay.stats().storage["shards"] for relay in world.relays.values())


@pytest.fixture
def short_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a day of care be two minutes: a whole network in virtual time takes its time."""
    monkeypatch.setattr(audit, "SILENT_SECONDS", 3 * DAY)
    monkeypatch.setattr(rounds, "AUDIT_SECONDS", DAY)
    monkeypatch.setattr(rounds, "LOOK_SECONDS", DAY / 8)
    monkeypatch.setattr(pace, "LOOK_SECONDS", DAY / 8)
    monkeypatch.setattr(pace, "LEAST_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(pace, "FILE_PAUSE_SECONDS", DAY / 16)


@pytest.mark.parametrize("looked_after", [True, False], ids=["looked after", "control"])
@pytest.mark.usefixtures("short_days")
async def test_c7_six_of_sixteen_relays_go_for_good_and_only_a_file_that_is_looked_after_stays(
    world: World, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, looked_after: bool
) -> None:
    if not looked_after:
        monkeypatch.setattr(FileVisits, "visit", nothing)
    data = data_of(300_000)
    await world.relay_net(16)
    await world.person("alice")
    view = await put(world, "alice", data)
    await forget_here(world, "alice", view)
    going = [name for name, relay in world.relays.items() if relay.stats().storage["shards"]][-6:]
    for name in going:
        await world.crash(name)
        await trio.sleep(5 * DAY)
    if looked_after:
        assert await get(world, "alice", view.cid) == data
        health = await world.nodes["alice"].files.health(view.cid)
        assert (health.shards_live, health.survives_node_losses) == (15, 2)
    else:
        with pytest.raises(UnavailableError, match="only 9 of the 10 shards"):
            await get(world, "alice", view.cid)


async def nothing(*_: object) -> None:
    await trio.lowlevel.checkpoint()


async def forget_here(world: World, name: str, view: FileView) -> None:
    """Let a file be at relays alone."""
    parts = world.nodes[name].files
    file_id = bytes.fromhex(view.id)
    await parts._database.write(lambda tx: files.is_here(tx, file_id, 0.0, here=False))
    parts._folder.remove(file_id)


async def test_what_a_crash_left_in_the_folder_is_gone_at_the_next_start(
    world: World, autojump_clock: MockClock
) -> None:
    await world.relay("r1")
    node = await world.person("alice", ready=False)
    waiting = await node.files.upload("cat.jpg", "image/jpeg", body(b"cat" * 100), wait=False)
    await world.crash("alice")
    folder = world.folder / "alice" / "files"
    left = folder / ("ab" * 16 + ".part")
    left.write_bytes(b"half of a file")
    await world.person("alice", ready=False)
    assert [path.name for path in folder.iterdir()] == [waiting.id]

"""Epochs, clock steps and boots of whole relays over virtual hours."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import START, World, world
from zentalk.errors import ConfigError, StorageError, StorageFullError
from zentalk.ids import EPOCH_SECONDS
from zentalk.onion.packet import DROP
from zentalk.relay.keys.mix_keys import PUBLISH_AFTER_SECONDS, PUBLISH_SPREAD_SECONDS, OwnKeys
from zentalk.relay.keys.rotation import TICK_SECONDS
from zentalk.relay.status import read_status
from zentalk.store.directory_store import DirectoryStore


async def test_k1_across_an_epoch_a_copy_is_still_a_copy(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """K1: the last epoch's key and filter stay for one more epoch, then both go."""
    async with world(tmp_path) as net:
        r1, _ = await net.start_all("r1", "r2")
        to_next = EPOCH_SECONDS - START % EPOCH_SECONDS
        packet = net.packet(net.hops("r1", "r2"), DROP, b"")
        await _send(net, packet)
        await trio.sleep(to_next)
        await _send(net, packet)
        assert r1.relay.stats().refused == {"replay": 1}
        await trio.sleep(EPOCH_SECONDS)
        await _send(net, packet)
        assert r1.relay.stats().refused == {"replay": 1, "epoch": 1}
        assert r1.relay.stats().forwarded == 1


@pytest.mark.slow
async def test_each_epoch_has_a_descriptor_that_everybody_learns(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        first = r1.descriptor
        await trio.sleep(PUBLISH_AFTER_SECONDS + PUBLISH_SPREAD_SECONDS)
        for epoch in (1, 2):
            await trio.sleep(EPOCH_SECONDS)
            await net.settle(2)
            assert r1.descriptor.order == (first.boot, first.epoch + epoch)
        await _send(net, net.packet(net.hops("r1", "r2"), DROP, b""))
        assert r2.relay.stats().cover == 1


async def test_a_turn_that_does_not_come_is_not_waited_for_in_a_hurry(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    async with world(tmp_path) as net:
        await net.start("r1")
        monkeypatch.setattr(OwnKeys, "turn", lambda _keys, wall: looks.append(wall))
        await trio.sleep(EPOCH_SECONDS + PUBLISH_AFTER_SECONDS + PUBLISH_SPREAD_SECONDS)
        looks.clear()
        await trio.sleep(20 * TICK_SECONDS)
        assert 19 <= len(looks) <= 21


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
async def test_a_step_of_the_wall_clock_is_a_new_boot(
    autojump_clock: MockClock, tmp_path: Path, step: float
) -> None:
    async with world(tmp_path) as net:
        offset = 0.0
        runtime = net.runtime.for_part("r1")
        stepping = replace(runtime, wall=lambda: runtime.wall() + offset)
        r1 = await net.start("r1", runtime=stepping)
        before = r1.descriptor
        await trio.sleep(60)
        assert r1.descriptor is before
        offset = step
        await trio.sleep(2 * TICK_SECONDS)
        assert r1.descriptor.boot == before.boot + 1
        assert r1.descriptor.epoch - before.epoch == step // EPOCH_SECONDS


async def test_a_full_disk_ends_nothing_and_the_boot_follows_when_there_is_room(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_boot(*_arguments: object) -> int:
        raise StorageFullError("the database is full")

    async with world(tmp_path) as net:
        offset = 0.0
        runtime = net.runtime.for_part("r1")
        stepping = replace(runtime, wall=lambda: runtime.wall() + offset)
        r1 = await net.start("r1", runtime=stepping)
        before = r1.descriptor
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", full)
            patch.setattr(DirectoryStore, "next_boot", no_boot)
            await net.client("alice", "r1")
            offset = 7200.0
            await trio.sleep(60)
            assert r1.descriptor is before, "nothing is signed with a boot that is not stored"
        await trio.sleep(2 * TICK_SECONDS)
        assert r1.descriptor.boot == before.boot + 1
        assert read_status(net.folder("r1")).counters["connections"] == 1


async def test_a_folder_from_an_old_copy_boots_above_what_the_network_saw(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Else two descriptors of one boot would convict an honest relay."""
    async with world(tmp_path) as net:
        await _restart_without_its_database(net)
        await net.settle(2)
        r2 = net.relays["r2"]
        assert r2.descriptor.boot == 5
        store = DirectoryStore(net.folder("r2"))
        assert store.next_boot() == 6, "on disk before it was published"
        assert store.proofs() == []
        store.close()


async def test_control_a_relay_that_does_not_ask_first_convicts_itself(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.relay.keys.boot_check.ASKED", 0)
    async with world(tmp_path) as net:
        await _restart_without_its_database(net)
        await trio.sleep(60)
        r1, r2 = net.relays["r1"], net.relays["r2"]
        assert r1.relay._wiring is not None
        assert r1.relay._wiring.directory.descriptors.is_excluded(r2.node_id)


async def test_a_relay_starts_while_those_it_asks_are_away_or_silent(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2, r3 = await net.start_all("r1", "r2", "r3")
        await net.crash("r1")
        await net.stop("r2")
        net.network.cut("r2", "r3")
        await net.start("r2", bootstraps=(r1.uri, r3.uri))
        assert net.relays["r2"].descriptor.boot == r2.descriptor.boot + 1
        net.network.mend("r2", "r3")
        await net.settle(2)


async def _restart_without_its_database(net: World) -> None:
    await net.start_all("r1", "r2")
    for _ in range(3):
        await net.stop("r2")
        await net.start("r2")
        await net.settle(2)
    assert net.relays["r2"].descriptor.boot == 4
    await net.stop("r2")
    for path in net.folder("r2").glob("directory.db*"):
        path.unlink()
    # As from a backup of its very first start.
    store = DirectoryStore(net.folder("r2"))
    store.next_boot(3 - 1)
    store.close()
    await net.start("r2")


async def test_a_lost_key_is_not_replaced_in_silence(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await net.stop("r1")
        (net.folder("r1") / "identity.key").unlink()
        with pytest.raises(ConfigError, match="restore it from a backup"):
            await net.start("r1")


@pytest.mark.parametrize("name", ["directory.db", "queue.db"])
async def test_a_damaged_database_is_named_and_left_alone(
    autojump_clock: MockClock, tmp_path: Path, name: str
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await net.stop("r1")
        path = net.folder("r1") / name
        path.write_bytes(b"not a database at all" * 1000)
        with pytest.raises(StorageError, match=name):
            await net.start("r1")
        assert path.read_bytes() == b"not a database at all" * 1000


async def _send(net: World, packet: bytes) -> None:
    client = await net.client("alice", "r1")
    client.send_packet(packet)
    await trio.sleep(1)
    client.close()


async def test_a_relay_without_work_writes_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        await trio.sleep(60)
        path = net.folder("r1") / "status.json"
        before = path.stat().st_mtime_ns
        await trio.sleep(60)
        assert path.stat().st_mtime_ns == before
        await net.client("alice", "r1")
        await trio.sleep(2 * TICK_SECONDS)
        assert path.stat().st_mtime_ns != before
        assert read_status(net.folder("r1")).counters["connections"] == 1

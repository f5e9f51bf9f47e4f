"""The five methods of a holder: what is kept, renewed, deleted, refused; in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.shards.owners import MIB, RELAY, Owner, World, content
from tests.store.shards.shelves import all_bytes, files
from zentalk.errors import RefusedError
from zentalk.ids import NodeId, day_at
from zentalk.mailbox.events import Admittance
from zentalk.mesh.work import search_shard, shard_challenge
from zentalk.store.shards.sentinel import SENTINEL_FILE
from zentalk.store.shards.shelf import ShardTrouble
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.deposit import Stamp
from zentalk.wire.rpc_shards import Changed
from zentalk.wire.shard import shard_id
from zentalk.wire.statement import Op

ONE, TWO = content(1), content(2, 300)
ID, ID2 = shard_id(ONE), shard_id(TWO)


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.reason


async def test_a_shard_is_kept_looked_for_read_renewed_and_deleted(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        assert not world.folder.exists(), "nothing is made before somebody stores"
        assert await alice.look(ID, ID2) == (0, 0)
        assert await refused(alice.get(ID)) == "unknown"
        assert await alice.delete(ID) == (Changed.NOT_HERE,)
        for data in (ONE, TWO):
            assert await alice.put(data) == world.hour + 24
        assert await alice.look(ID, b"?" * 32, ID2) == (world.hour + 24, 0, world.hour + 24)  # type: ignore[arg-type]
        stranger = Owner(world, "anybody who knows the id")
        assert await stranger.get(ID) == ONE
        assert await stranger.get(ID, 10, 20) == ONE[10:30]
        assert await stranger.get(ID2) == TWO
        assert await alice.renew(ID, ID2) == (Changed.DONE, Changed.DONE)
        assert await alice.look(ID, ID2) == (world.hour + 48,) * 2
        assert await alice.delete(ID, ID2) == (Changed.DONE, Changed.DONE)
        assert await alice.look(ID, ID2) == (0, 0)
        assert await refused(alice.get(ID)) == "unknown"
        assert b"canary" not in all_bytes(tmp_path)
        assert world.stat("shards") == world.stat("stored_bytes") == 0
        assert (world.stat("puts"), world.stat("renewed"), world.stat("deleted")) == (2, 2, 2)


async def test_a_put_that_is_repeated_renews_and_never_shortens(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE, 24)
        assert await alice.put(ONE, 48) == world.hour + 48
        assert await alice.put(ONE, 5) == world.hour + 48
        await alice.renew(ID, hours=6)
        assert await alice.look(ID) == (world.hour + 48,)
        assert await alice.put(ONE, 9999) == world.hour + 720, "the longest lease"
        assert len(files(tmp_path)) == world.stat("shards") == 1


async def test_two_puts_of_one_shard_at_once_keep_it_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice, mallory = Owner(world), Owner(world, "mallory")
    outcomes: list[str] = []

    async def put(owner: Owner) -> None:
        try:
            await owner.put(ONE)
            outcomes.append("kept")
        except RefusedError as refusal:
            outcomes.append(refusal.reason)

    async with world.running():
        async with trio.open_nursery() as nursery:
            for owner in (alice, mallory, alice):
                nursery.start_soon(put, owner)
        assert sorted(outcomes) == ["exists", "kept", "kept"]
        assert len(files(tmp_path)) == world.stat("shards") == 1
        assert await alice.get(ID) == ONE


async def _nothing_changed(world: World, owner: Owner) -> None:
    assert await owner.look(ID) == (world.hour + 24,)
    assert await owner.get(ID) == ONE
    assert world.stat("shards") == 1
    assert world.stat("deleted") == world.stat("renewed") == 0


async def test_whoever_has_another_key_changes_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice, mallory = Owner(world), Owner(world, "mallory")
    async with world.running():
        await alice.put(ONE)
        await mallory.put(TWO)
        assert await refused(mallory.put(ONE)) == "exists"
        assert await refused(mallory.delete(ID)) == "signer"
        assert await refused(mallory.renew(ID)) == "signer"
        assert await refused(mallory.delete(ID2, ID)) == "signer", "not even its own"
        assert await mallory.look(ID2) == (world.hour + 24,)
        # Her key, and a signature that is not by it.
        forged = replace(mallory.signer.delete([ID], mallory.wall), lease_key=alice.key.public)
        assert await refused(mallory.change(Op.DELETE, [ID], forged)) == "signer"
        # What she signed for one shard does not do for another.
        other = alice.signer.delete([ID2], alice.wall)
        assert await refused(mallory.change(Op.DELETE, [ID], other)) == "signer"
        assert await refused(alice.put(content(3), signed=alice.keep(ONE))) == "signer"
        assert world.stat("shards") == 2
        assert await mallory.delete(ID2) == (Changed.DONE,), "the control"
        assert world.stat("refused_signer") == 6
        assert await alice.look(ID) == (world.hour + 24,)
        assert await alice.delete(ID) == (Changed.DONE,), "the control"


async def test_a_statement_for_another_holder_is_refused(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice, elsewhere = Owner(world), Owner(world, holder=NodeId(b"m" * 32))
    assert elsewhere.key.public == alice.key.public
    async with world.running():
        assert await refused(elsewhere.put(ONE)) == "signer"
        await alice.put(ONE)
        assert await refused(elsewhere.delete(ID)) == "signer"
        assert await refused(elsewhere.renew(ID)) == "signer"
        await _nothing_changed(world, alice)


async def test_a_statement_that_is_too_old_or_too_new_is_refused(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE)
        for ahead in (-17 * 60, 17 * 60):
            at = alice.wall + ahead
            for op, signed in (
                (Op.DELETE, alice.signer.delete([ID], at)),
                (Op.RENEW, alice.signer.renew([ID], world.hour + 99, at)),
            ):
                assert await refused(alice.change(op, [ID], signed)) == "clock"
            assert await refused(alice.put(TWO, signed=alice.keep(TWO, ahead=ahead))) == "clock"
        for hours in (0, -5):
            assert await refused(alice.put(TWO, hours)) == "clock"
            assert await refused(alice.renew(ID, hours=hours)) == "clock"
        await _nothing_changed(world, alice)
        for ahead in (-14 * 60, 14 * 60):
            await alice.put(TWO, signed=alice.keep(TWO, ahead=ahead))  # the control


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_statement_is_carried_out_once(
    autojump_clock: MockClock, tmp_path: Path, restarts: bool
) -> None:
    """Also over a restart."""
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        put = alice.keep(ONE)
        await alice.put(ONE, signed=put)
        await alice.put(TWO)
        delete = alice.signer.delete([ID2], alice.wall)
        await alice.change(Op.DELETE, [ID2], delete)
        if not restarts:
            assert await refused(alice.put(ONE, signed=put)) == "replay"
            assert await refused(alice.change(Op.DELETE, [ID2], delete)) == "replay"
    if restarts:
        async with world.running():
            assert await refused(alice.put(ONE, signed=put)) == "replay"
            assert await refused(alice.change(Op.DELETE, [ID2], delete)) == "replay"


async def test_control_without_that_memory_a_statement_is_done_twice_and_changes_nothing(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.mesh.nonces.NonceMemory.has_seen", lambda *_: False)
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        put = alice.keep(ONE)
        for _ in range(2):
            assert await alice.put(ONE, signed=put) == world.hour + 24
        delete = alice.signer.delete([ID], alice.wall)
        assert await alice.change(Op.DELETE, [ID], delete) == (Changed.DONE,)
        assert await alice.change(Op.DELETE, [ID], delete) == (Changed.DELETED_BEFORE,)
        assert await refused(alice.put(ONE, signed=put)) == "deleted"


async def test_a_deleted_id_is_refused_until_its_lease_would_have_ended(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice, mallory = Owner(world), Owner(world, "mallory")
    async with world.running():
        await alice.put(ONE, 24)
        await alice.delete(ID)
        assert await alice.delete(ID) == (Changed.DELETED_BEFORE,)
        assert await refused(alice.put(ONE)) == "deleted"
    async with world.running():
        assert await refused(mallory.put(ONE)) == "deleted", "also after a restart"
        assert files(tmp_path) == []
        await trio.sleep(25 * 3600)
        assert await mallory.put(ONE) == world.hour + 24
        assert await alice.delete(b"?" * 32) == (Changed.NOT_HERE,)  # type: ignore[arg-type]


async def test_leases_end_every_hour_and_at_start_and_leave_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE, 2)
        await alice.put(TWO, 2)
        await alice.put(content(3), 30)
        await trio.sleep(3600)
        assert len(await alice.get(ID)) == len(ONE)
        await trio.sleep(2 * 3600)
        assert await refused(alice.get(ID)) == "unknown"
        left = all_bytes(tmp_path)
        assert (b"canary 1" in left, b"canary 2" in left) == (False, False)
        assert b"canary 3" in left, "the control"
        assert (world.stat("ended"), world.stat("shards")) == (2, 1)
    await trio.sleep(30 * 3600)
    assert b"canary 3" in all_bytes(tmp_path)
    async with world.running():
        assert b"canary" not in all_bytes(tmp_path)
        assert world.stat("stored_bytes") == 0


async def _after_a_jump_of_the_date(tmp_path: Path) -> bool:
    """Let a relay's date be forty days ahead for three hours; return whether a shard is there."""
    world = World(tmp_path)
    alice, real, ahead = Owner(world), world.runtime, 0.0
    world.runtime = replace(real, wall=lambda: real.wall() + ahead)
    async with world.running():
        await alice.put(ONE, 700)
        ahead = 40 * 86_400.0
        await trio.sleep(3 * 3600)
        ahead = 0.0
        (hour,) = await alice.look(ID)
        return hour > 0 and await alice.get(ID) == ONE


async def test_a_date_that_jumps_ahead_for_hours_removes_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    assert await _after_a_jump_of_the_date(tmp_path)


async def test_control_a_clock_that_follows_the_date_at_once_would_remove_all(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.mailbox.clock.SLEW", 1e9)
    assert not await _after_a_jump_of_the_date(tmp_path)


async def test_a_shard_whose_lease_has_just_ended_is_put_anew_by_anybody(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None: ...

    monkeypatch.setattr("zentalk.relay.shards.upkeep.ShardUpkeep.sweep", never)
    world = World(tmp_path)
    alice, bob = Owner(world), Owner(world, "bob")
    async with world.running():
        await alice.put(ONE, 1)
        await trio.sleep(2 * 3600)
        assert await alice.look(ID) == (0,)
        assert await alice.delete(ID) == (Changed.NOT_HERE,)
        await bob.put(ONE)
        assert await bob.get(ID) == ONE
        assert len(files(tmp_path)) == world.stat("shards") == 1
        assert await refused(alice.renew(ID)) == "signer"


async def test_what_is_no_shard_is_not_kept(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        for damaged in (
            b"ZTSX" + ONE[4:],
            ONE[:-1],
            ONE[:4] + b"\x02" + ONE[5:],
            ONE[:8] + b"\x0f" + ONE[9:],
            ONE[:9] + b"\x01" + ONE[10:],
        ):
            assert await refused(alice.put(damaged)) == "form"
        assert not world.folder.exists()
        await alice.put(ONE)  # the control


async def test_it_takes_256_ids_in_one_statement(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        many = [content(number, 100) for number in range(256)]
        for data in many:
            await alice.put(data)
        ids = [shard_id(data) for data in many]
        assert await alice.renew(*ids) == (Changed.DONE,) * 256
        assert await alice.look(*ids) == (world.hour + 48,) * 256
        assert await alice.delete(*ids) == (Changed.DONE,) * 256
        assert world.stat("shards") == 0


async def test_only_some_shards_are_in_memory_at_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path, budget=50_000)
    alice = Owner(world)
    outcomes: list[str] = []

    async def put(number: int) -> None:
        try:
            await alice.put(content(number))
            outcomes.append("kept")
        except RefusedError as refusal:
            outcomes.append(refusal.reason)

    async with world.running():
        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(put, number)
        assert sorted(outcomes) == ["busy"] * 4 + ["kept"] * 2
        assert await refused(alice.get(shard_id(content(0)))) == "busy"
        assert world.memory.used_bytes == 0
        await put(9)
        assert outcomes[-1] == "kept"


# --- the disk --------------------------------------------------------------------------------


async def test_a_folder_that_is_gone_stops_the_service_and_loses_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE)
        assert world.service.warning == ""
    away = world.folder.rename(tmp_path / "away")
    async with world.running():
        for call in (alice.get(ID), alice.look(ID), alice.put(TWO), alice.delete(ID)):
            assert await refused(call) == "unavailable"
        assert world.shelf.trouble is ShardTrouble.MISSING
        assert "may not be mounted" in world.service.warning
        await trio.sleep(2 * 3600)
        assert not world.folder.exists()
    away.rename(world.folder)
    async with world.running():
        assert await alice.get(ID) == ONE
        assert world.service.warning == ""


async def test_a_folder_that_goes_while_it_runs_stops_the_service(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE, 3)
        for path in files(tmp_path):
            path.rename(tmp_path / path.name)
        (world.folder / SENTINEL_FILE).rename(tmp_path / "away")
        assert await refused(alice.get(ID)) == "unavailable", "not `unknown`: it is not lost"
        assert world.shelf.trouble is ShardTrouble.MISSING
        await trio.sleep(5 * 3600)
        assert world.stat("shards") == 1, "nothing was given up"


async def test_control_one_file_that_is_gone_is_one_lost_shard(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE)
        await alice.put(content(3))
        next(path for path in files(tmp_path) if path.name.startswith(ID.hex()[2:])).unlink()
        assert await refused(alice.get(ID)) == "unknown"
        assert await alice.look(ID) == (0,), "its owner hears of it"
        assert world.stat("lost") == 1
        assert world.service.warning == ""
        await alice.put(ONE)
        assert await alice.get(ID) == ONE


async def test_a_disk_that_is_full_or_failing_is_said_and_tried_again(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE)
        free = 0
        monkeypatch.setattr("zentalk.store.disk_space.DiskSpace._free_bytes", lambda _self: free)
        assert await refused(alice.put(TWO)) == "full"
        assert "is full" in world.service.warning
        assert await alice.get(ID) == ONE
        assert await alice.delete(ID) == (Changed.DONE,)
        free = 2**30
        await alice.put(TWO)
        assert world.service.warning == ""


# --- room ------------------------------------------------------------------------------------


async def test_a_stranger_who_stores_without_end_leaves_room_for_who_works(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The quota is never exceeded; the price rises; what is there stays, and can be renewed."""
    world = World(tmp_path, quota_bytes=1 * MIB)
    alice, flood = Owner(world), Owner(world, "flood")
    async with world.running():
        await alice.put(ONE)
        number, answer, highest = 100, "", 0
        while answer not in ("full", "work"):
            answer = await _try(flood, content(number))
            highest = max(highest, await alice.price())
            number += 1
            assert world.stat("stored_bytes") <= MIB
        assert answer == "work", "it has not worked"
        assert highest >= 1
        assert world.stat("stored_bytes") < MIB / 4, "not more than the burst"
        assert await alice.put(ONE, 99) == world.hour + 99, "renewing takes nothing"
        # Whoever works gets in at the price that is said.
        data = content(2)
        stamp = _work(data, await alice.price(), world)
        assert await alice.put(data, stamp=stamp)
        days = 0
        while days < 9:
            while await _try(flood, content(number)) == "kept":
                number += 1
            assert world.stat("stored_bytes") <= MIB
            days += 1
            await trio.sleep(86_400)
            if world.stat("shards"):
                await alice.renew(ID, ID2, hours=700)
        assert await alice.get(ID) == ONE


async def _try(owner: Owner, data: bytes) -> str:
    try:
        await owner.put(data, 700)
    except RefusedError as refusal:
        return refusal.reason
    return "kept"


def _work(data: bytes, bits: int, world: World) -> Stamp:
    day = day_at(world.runtime.wall())
    found = search_shard(shard_challenge(RELAY, shard_id(data), day), day, bits, 0, 2**24)
    assert found is not None
    return found


async def test_the_quota_holds_over_restarts_and_when_many_come_at_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path, quota_bytes=400_000)
    owner = Owner(world)
    used = 0
    for start in range(3):
        async with world.running():
            async with trio.open_nursery() as nursery:
                for number in range(40):
                    nursery.start_soon(_try, owner, content(start * 100 + number))
            used = world.stat("stored_bytes")
            assert 0 < used <= 100_000, "a restart brings no new burst"
            assert sum(path.stat().st_size for path in files(tmp_path)) <= used
    world.quota_bytes = 50_000
    async with world.running():
        assert await refused(owner.put(content(999))) == "full"
        assert world.stat("stored_bytes") == used, "what is there stays"


async def test_holders_of_a_token_have_a_share_that_strangers_cannot_use_up(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path, quota_bytes=800_000)
    world.tokens = 1
    guest, flood = Owner(world, "guest"), Owner(world, "flood")
    async with world.running():
        number = 0
        while await _try(flood, content(number)) == "kept":
            number += 1
        world.admittance = Admittance.HOLDER
        assert await guest.price() == 0
        kept = 0
        while await _try(guest, content(1000 + kept)) == "kept":
            kept += 1
        assert kept == 200_000 // (20_000 + 512), "a quarter, without work"
        assert await refused(guest.put(content(5000))) == "work", "and then as strangers do"


async def test_a_private_relay_stores_for_those_who_hold_a_token(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path)
    alice = Owner(world)
    async with world.running():
        await alice.put(ONE)
        world.admittance = Admittance.UNINVITED
        assert await refused(alice.put(TWO)) == "access"
        assert await refused(alice.price()) == "access"
        assert await alice.get(ID) == ONE
        assert await alice.renew(ID) == (Changed.DONE,), "what is there stays its owner's"
        world.admittance, world.tokens = Admittance.HOLDER, 1
        await alice.put(TWO)


async def test_a_relay_without_storage_takes_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = World(tmp_path, quota_bytes=0)
    alice = Owner(world)
    async with world.running():
        assert await refused(alice.put(ONE)) == "full"
        assert await refused(alice.price()) == "full"
        assert not world.folder.exists()
        world.service.use_quota(64 * MIB)
        await alice.put(ONE)
        world.service.use_quota(0)
        assert await refused(alice.put(TWO)) == "full"
        assert await alice.get(ID) == ONE
        assert rpc.MAX_LEASE_HOURS == 720

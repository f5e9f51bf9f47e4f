"""The store of shards: what it was given is there, counted to the byte, until it is removed."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.shards import shelves
from tests.store.shards.shelves import HOUR, LARGE, SMALL, opened, put, shard
from zentalk.errors import RefusedError, StorageFullError
from zentalk.store.disk_space import DiskSpace
from zentalk.store.shards import rows
from zentalk.store.shards.store import ShardLostError, ShardStore
from zentalk.store.sqlite import Transaction


async def test_a_shard_comes_back_whole_and_in_parts(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for size in (SMALL, LARGE):
            await put(store, 1, size)
            shard_id, content = shard(1, size)
            assert await store.get(shard_id, HOUR, 0, 2**18) == (size, content)
            assert await store.get(shard_id, HOUR, 7, 100) == (size, content[7:107])
            assert await store.get(shard_id, HOUR, size - 1, 5) == (size, content[-1:])
            assert await store.get(shard_id, HOUR, size + 9, 5) == (size, b"")
            assert await store.get(shard_id, HOUR + 24, 0, 5) is None, "its lease is over"
        assert await store.get(b"?" * 32, HOUR, 0, 5) is None


async def test_small_ones_are_in_the_index_and_all_is_closed_to_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, 1, rows.INLINE_BYTES)
        assert shelves.files(tmp_path) == []
        await put(store, 2, rows.INLINE_BYTES + 1)
        assert [path.stat().st_size for path in shelves.files(tmp_path)] == [16 * 1024 + 1]
        assert shelves.modes(tmp_path) == {(True, 0o700), (False, 0o600)}
        assert (tmp_path / "shards").stat().st_mode & 0o777 == 0o700


async def test_a_refused_put_leaves_nothing(tmp_path: Path) -> None:
    def refuse(_tx: object, _place: int) -> tuple[int, bool]:
        raise RefusedError("full")

    async with opened(tmp_path) as store:
        shard_id, content = shard(1)
        with pytest.raises(RefusedError):
            await store.put(shard_id, content, refuse)
        assert await store.put(shard_id, content, lambda _tx, _place: (7, False)) == 7
        assert shelves.files(tmp_path) == []
        await put(store, 1)
        assert len(shelves.files(tmp_path)) == 1, "the control"


async def test_no_byte_of_what_is_deleted_or_expired_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number, size in ((1, SMALL), (2, LARGE), (3, SMALL), (4, LARGE)):
            await put(store, number, size, expires=HOUR + number)
        assert shelves.all_bytes(tmp_path).count(b"canary ") >= 4, "the control"
        assert await shelves.delete(store, 1, SMALL)
        assert await shelves.delete(store, 2)
        left = shelves.all_bytes(tmp_path)
        assert (b"canary 1" in left, b"canary 2" in left) == (False, False)
        assert (b"canary 3" in left, b"canary 4" in left) == (True, True)
        assert await shelves.expire(store, HOUR + 4) == 2
        left = shelves.all_bytes(tmp_path)
        assert b"canary" not in left
        assert shelves.KEY not in left
        assert shard(4)[0] not in left
    assert b"canary" not in shelves.all_bytes(tmp_path)


async def test_control_without_emptying_the_log_the_bytes_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_self: object) -> None: ...

    monkeypatch.setattr("zentalk.store.shards.store.ShardStore.scrub", nothing)
    async with opened(tmp_path) as store:
        await put(store, 1, SMALL)
        await shelves.delete(store, 1, SMALL)
        assert b"canary 1" in shelves.all_bytes(tmp_path)


async def test_a_shard_whose_file_is_gone_is_lost_and_not_misread(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, 1)
        await put(store, 2)
        first, second = (shelves.files(tmp_path), shard(2)[0])
        for path in first:
            if path.name.startswith(second.hex()[2:]):
                os.truncate(path, 10)
            else:
                path.unlink()
        for number in (1, 2):
            with pytest.raises(ShardLostError) as error:
                await shelves.content_of(store, number)
            assert shard(number)[0].hex() not in str(error.value)


async def test_a_disk_that_is_nearly_full_takes_no_more_and_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 2**30
    monkeypatch.setattr(DiskSpace, "_free_bytes", lambda _self: free)
    async with opened(tmp_path) as store:
        await put(store, 1)
        free = 2**20
        for size in (SMALL, LARGE):
            with pytest.raises(StorageFullError):
                await put(store, 2, size)
        assert len(shelves.files(tmp_path)) == 1
        assert await shelves.content_of(store, 1) is not None
        assert await shelves.delete(store, 1)
        free = 2**30
        await put(store, 2)


async def test_a_file_that_cannot_be_written_whole_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    calls = 0

    def short(descriptor: int, content: memoryview) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "no space left on device")
        return write(descriptor, content[:8000])

    async with opened(tmp_path) as store:
        await put(store, 9, SMALL)
        monkeypatch.setattr(os, "write", short)
        with pytest.raises(StorageFullError, match="free space"):
            await put(store, 1)
        assert shelves.files(tmp_path) == []
        await put(store, 1)
        assert await shelves.content_of(store, 1) == shard(1)[1]


async def test_nonces_are_forgotten_in_time_and_when_there_are_too_many(tmp_path: Path) -> None:
    seen = [rows.SeenNonce(shelves.KEY, bytes([number]), number) for number in range(10)]
    async with opened(tmp_path) as store:
        for one in (*seen, seen[3]):
            await store.write(partial(rows.see, seen=one))
        assert await store.read(rows.nonces) == seen
        await store.write(lambda tx: rows.drop_nonces(tx, 4))
        assert await store.read(rows.nonces) == seen[4:]
        await store.write(lambda tx: rows.drop_nonces(tx, 4, 3))
    async with opened(tmp_path) as store:
        assert await store.read(rows.nonces) == seen[7:]


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.integers(0, 5),
            st.sampled_from([1, SMALL, LARGE]),
            st.integers(1, 9),
        ),
        st.tuples(st.just("renew"), st.integers(0, 5), st.integers(1, 9)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("expire"), st.integers(0, 9)),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_it_does_what_a_dictionary_does(steps: list[tuple[object, ...]]) -> None:
    """Whatever happens in whatever order, also over restarts; and the sums are those of rows."""
    with tempfile.TemporaryDirectory() as folder:
        trio.run(_follow, Path(folder), list(steps))


async def _follow(root: Path, steps: list[tuple[object, ...]]) -> None:
    model: dict[int, tuple[int, int]] = {}
    buried: dict[int, int] = {}
    while True:
        async with opened(root) as store:
            while steps and steps[0][0] != "restart":
                await _step(store, steps.pop(0), model, buried)
                counted = shelves.sums(root)
                wanted = sum(size + rows.ROW_BYTES for size, _ in model.values())
                assert counted["counted"] == counted["told"] == wanted
                assert counted["shards"] == counted["told shards"] == len(model)
            for number in range(6):
                size, _ = model.get(number, (1, 0))
                wanted_bytes = _bytes_of(number, size) if number in model else None
                found = await store.get(_id(number), 0, 0, 2**18)
                assert (None if found is None else found[1]) == wanted_bytes
                until = await store.read(lambda tx, n=number: rows.buried_until(tx, _id(n), HOUR))  # type: ignore[misc]
                assert until == buried.get(number, 0)
            large = sum(size > rows.INLINE_BYTES for size, _ in model.values())
            assert len(shelves.files(root)) == large
        if not steps:
            return
        steps.pop(0)


def _id(number: int) -> bytes:
    """The store never looks at how an id was made: here it does not depend on the size."""
    return bytes([number]) * 32


def _bytes_of(number: int, size: int) -> bytes:
    return bytes([number + 65]) * size


async def _step(
    store: ShardStore,
    step: tuple[object, ...],
    model: dict[int, tuple[int, int]],
    buried: dict[int, int],
) -> None:
    def row_of(tx: Transaction) -> rows.ShardRow | None:
        return rows.find(tx, _id(number))

    match step:
        case ("put", int(number), int(size), int(hours)):
            row = rows.ShardRow(_id(number), shelves.KEY, size, HOUR + hours, 0, 0)

            def keep(tx: Transaction, place: int) -> tuple[bool, bool]:
                if row_of(tx) is not None:
                    return False, False
                rows.add(tx, replace(row, place=place), _bytes_of(number, size))
                return True, True

            if await store.put(_id(number), _bytes_of(number, size), keep):
                model[number] = (size, HOUR + hours)
        case ("renew", int(number), int(hours)):
            await store.write(lambda tx: rows.renew(tx, _id(number), HOUR + hours))
            if number in model:
                model[number] = (model[number][0], HOUR + hours)
        case ("delete", int(number)):

            def choose(tx: Transaction) -> tuple[None, list[rows.Doomed]]:
                row = row_of(tx)
                if row is None:
                    return None, []
                rows.bury(tx, row.id, row.expires)
                return None, [rows.remove(tx, row)]

            await store.remove(choose)
            if number in model:
                buried[number] = model.pop(number)[1]
        case ("expire", int(hours)):
            await shelves.expire(store, HOUR + hours)
            for number in [n for n, (_, ends) in model.items() if ends <= HOUR + hours]:
                del model[number]

"""A folder of shards that is gone, empty, or another relay's is never taken for an empty store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.store.shards import shelves
from tests.store.shards.shelves import opened, put
from zentalk.store.shards.orphans import forget_lost, reconcile
from zentalk.store.shards.rows import Doomed
from zentalk.store.shards.sentinel import (
    MARKER_FILE,
    SENTINEL_FILE,
    ForeignShardsError,
    ShardFolder,
    ShardsMissingError,
)
from zentalk.store.shards.store import INDEX_FILE, ShardStore


async def _used(root: Path) -> Path:
    async with opened(root) as store:
        await put(store, 1)
    return root / "shards"


def _open(root: Path, node: bytes = shelves.NODE) -> None:
    ShardStore(shelves.place(root, node), shelves.inline).close()


async def test_a_folder_is_opened_again(tmp_path: Path) -> None:
    await _used(tmp_path)
    _open(tmp_path)
    async with opened(tmp_path) as store:
        assert await shelves.content_of(store, 1) == shelves.shard(1)[1]


async def test_a_folder_that_is_gone_or_empty_is_missing_and_stays_so(tmp_path: Path) -> None:
    folder = await _used(tmp_path)
    away = folder.rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(ShardsMissingError, match=r"may not be mounted.*shards-kept"):
            _open(tmp_path)
    assert not folder.exists(), "nothing was made where the disk is mounted"
    folder.mkdir()
    with pytest.raises(ShardsMissingError):
        _open(tmp_path)
    assert list(folder.iterdir()) == []
    folder.rmdir()
    away.rename(folder)
    _open(tmp_path)


async def test_control_without_the_marker_it_would_begin_anew(tmp_path: Path) -> None:
    folder = await _used(tmp_path)
    shutil.rmtree(folder)
    (tmp_path / MARKER_FILE).unlink()
    _open(tmp_path)
    assert shelves.sums(tmp_path)["shards"] == 0


async def test_a_sentinel_that_is_gone_beside_its_index_is_missed(tmp_path: Path) -> None:
    folder = await _used(tmp_path)
    (folder / SENTINEL_FILE).unlink()
    with pytest.raises(ShardsMissingError):
        _open(tmp_path)
    (tmp_path / MARKER_FILE).unlink()
    with pytest.raises(ShardsMissingError, match=SENTINEL_FILE):
        _open(tmp_path)  # the index alone knows


async def test_an_index_that_is_gone_or_empty_is_missed(tmp_path: Path) -> None:
    folder = await _used(tmp_path)
    for path in folder.glob("shards.db*"):
        path.unlink()
    with pytest.raises(ShardsMissingError, match="index"):
        _open(tmp_path)
    (folder / INDEX_FILE).touch()
    with pytest.raises(ShardsMissingError, match="empty"):
        _open(tmp_path)
    assert len(shelves.files(tmp_path)) == 1


async def test_a_folder_of_another_relay_is_refused(tmp_path: Path) -> None:
    await _used(tmp_path)
    with pytest.raises(ForeignShardsError, match="another relay") as error:
        _open(tmp_path, b"m" * 32)
    assert b"m".hex() * 32 not in str(error.value)
    other = ShardFolder(tmp_path / "shards", tmp_path / "other", b"m" * 32)
    (tmp_path / "other").mkdir()
    with pytest.raises(ForeignShardsError):
        ShardStore(other, shelves.inline)
    (tmp_path / "shards" / SENTINEL_FILE).write_text("something else")
    with pytest.raises(ForeignShardsError):
        _open(tmp_path)


@pytest.mark.parametrize("step", range(3))
async def test_a_first_start_that_was_cut_off_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before the sentinel, before the word in the index, before the marker."""
    names = ["zentalk.store.shards.sentinel.write_private"] * 3
    names[1] = "zentalk.store.shards.rows.keep"
    calls = 0

    def cut(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    def second(path: Path, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            cut()
        path.write_bytes(content)
        path.chmod(0o600)

    with monkeypatch.context() as patch:
        patch.setattr(names[step], second if step == 2 else cut)
        with pytest.raises(KeyboardInterrupt):
            _open(tmp_path)
    _open(tmp_path)
    _open(tmp_path)
    assert (tmp_path / MARKER_FILE).read_text() == f"{tmp_path / 'shards'}\n"


async def test_rows_are_not_given_up_while_the_disk_is_gone(tmp_path: Path) -> None:
    folder = await _used(tmp_path)
    shard_id, _ = shelves.shard(1)
    async with opened(tmp_path) as store:
        (path,) = shelves.files(tmp_path)
        path.unlink()
        (folder / SENTINEL_FILE).rename(folder / "away")
        lost = [Doomed(shard_id, int(path.name.rpartition("-")[2], 16))]
        with pytest.raises(ShardsMissingError):
            await reconcile(store, shard_id[0], shelves.inline)
        with pytest.raises(ShardsMissingError):
            await forget_lost(store, lost)
        assert shelves.sums(tmp_path)["shards"] == 1
        (folder / "away").rename(folder / SENTINEL_FILE)
        assert (await reconcile(store, shard_id[0], shelves.inline)) == (0, 1), "the control"
        assert shelves.sums(tmp_path) == dict.fromkeys(shelves.sums(tmp_path), 0)

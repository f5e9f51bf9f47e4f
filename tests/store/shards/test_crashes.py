"""Power cuts between any two steps: what was acknowledged is there, and nothing else is left.

What was not synced is lost at a cut, in the worst way: files are empty or half, names of new files
are gone, names of removed files are back. SQLite's commit is one step; that it is durable itself
is tested in tests/faults/disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.store.shards import shelves
from tests.store.shards.shelves import HOUR, LARGE, SMALL, opened, put
from zentalk.errors import StorageError
from zentalk.store.shards.files import PREFIXES
from zentalk.store.shards.orphans import reconcile
from zentalk.store.shards.store import ShardLostError, ShardStore


class PowerCut(BaseException):
    """The machine is off; nobody handles that."""


class Disk:
    """Counts steps, cuts the power before one of them, and remembers what was not synced."""

    def __init__(self, folder: Path, cut_before: int) -> None:
        self.folder = folder
        self.cut_before = cut_before
        self.steps = 0
        self.unsynced: set[Path] = set()
        self.new_names: set[Path] = set()
        self.old_names: dict[Path, bytes] = {}
        self.paths: dict[int, Path] = {}
        self.syncs_files = self.syncs_folders = True

    def step(self) -> None:
        self.steps += 1
        if self.steps >= self.cut_before:
            raise PowerCut

    def is_ours(self, path: Path) -> bool:
        """Tell files of shards and the folders of these from what else is there."""
        return path.parent.parent == self.folder or (
            path.parent == self.folder and len(path.name) == 2
        )

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real: dict[str, Callable[..., Any]] = {
            name: getattr(os, name) for name in ("open", "write", "fsync", "mkdir", "unlink")
        }

        def open_(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
            if self.is_ours(Path(path)) and flags & os.O_CREAT:
                self.step()
                self.new_names.add(Path(path))
                self.unsynced.add(Path(path))
            descriptor: int = real["open"](path, flags, mode, **more)
            self.paths[descriptor] = Path(path)
            return descriptor

        def write(descriptor: int, content: bytes) -> int:
            if self.is_ours(self.paths.get(descriptor, Path("/"))):
                self.step()
            return int(real["write"](descriptor, content))

        def fsync(descriptor: int) -> None:
            path = self.paths.get(descriptor, Path("/"))
            if self.is_ours(path) or path == self.folder:
                self.step()
                if not (self.syncs_folders if path.is_dir() else self.syncs_files):
                    return
                self.unsynced.discard(path)
                self.new_names = {name for name in self.new_names if name.parent != path}
                self.old_names = {n: kept for n, kept in self.old_names.items() if n.parent != path}
            real["fsync"](descriptor)

        def mkdir(path: Any, *given: Any, **more: Any) -> None:
            if self.is_ours(Path(path)):
                self.step()
                self.new_names.add(Path(path))
            real["mkdir"](path, *given, **more)

        def unlink(path: Any, **more: Any) -> None:
            if self.is_ours(Path(path)) and Path(path).exists():
                self.step()
                self.old_names[Path(path)] = Path(path).read_bytes()
            real["unlink"](path, **more)

        for fake in (open_, write, fsync, mkdir, unlink):
            patch.setattr(os, fake.__name__.rstrip("_"), fake)
        commit = ShardStore._commit

        def commit_as_a_step(store: ShardStore, batch: Any) -> Any:
            self.step()
            return commit(store, batch)

        patch.setattr(ShardStore, "_commit", commit_as_a_step)

    def lose(self) -> None:
        """Let the disk be as it may be after the cut."""
        for name in self.unsynced:
            if name.is_file():
                os.truncate(name, name.stat().st_size // 2)
        # A folder whose name is lost takes what is in it along.
        for name in sorted(self.new_names):
            if name.is_dir():
                shutil.rmtree(name)
            else:
                name.unlink(missing_ok=True)
        for name, content in self.old_names.items():
            if name.parent.is_dir():
                name.write_bytes(content)


NUMBERS = {1: LARGE, 2: SMALL, 3: LARGE, 4: LARGE}


async def _life(root: Path, told: dict[int, str]) -> None:
    """Put, delete and expire; `told` is what was acknowledged, or begun, of each."""
    async with opened(root) as store:
        async with trio.open_nursery() as nursery:  # two at once share a commit

            async def one(number: int, hours: int) -> None:
                await put(store, number, NUMBERS[number], HOUR + hours)
                told[number] = "put"

            nursery.start_soon(one, 1, 24)
            nursery.start_soon(one, 2, 24)
        await one(3, 1)
        told[1] = "deleting"
        await shelves.delete(store, 1)
        told[1] = "deleted"
        told[3] = "deleting"
        await shelves.expire(store, HOUR + 1)
        told[3] = "deleted"
        await one(4, 24)


async def _put_right(root: Path) -> tuple[int, dict[int, bytes | None]]:
    """Open it again as a relay does; return how many rows were lost, and what can be read."""
    lost = 0
    async with opened(root) as store:
        for prefix in range(PREFIXES):
            lost += (await reconcile(store, prefix, shelves.inline)).lost
        return lost, {number: await _content(store, number) for number in NUMBERS}


async def _content(store: ShardStore, number: int) -> bytes | None:
    try:
        return await shelves.content_of(store, number, NUMBERS[number])
    except ShardLostError:
        return b"half of it"


def _look(root: Path, told: dict[int, str]) -> None:
    lost, found = trio.run(_put_right, root)
    assert lost == 0, "a row had no file"
    sums = shelves.sums(root)
    assert (sums["counted"], sums["shards"]) == (sums["told"], sums["told shards"])
    left = shelves.all_bytes(root)
    for number, size in NUMBERS.items():
        content, state = found[number], told.get(number)
        assert content in (None, shelves.shard(number, size)[1]), "other content"
        if state == "put":
            assert content is not None, f"{number} was acknowledged"
        if state == "deleted":
            assert content is None
            assert b"canary %d" % number not in left
    large = sum(found[number] is not None for number, size in NUMBERS.items() if size == LARGE)
    assert len(shelves.files(root)) == large, "a stray was left"


def _cut_off(root: Path, monkeypatch: pytest.MonkeyPatch, cut_before: int, **lies: bool) -> bool:
    """Live until the cut, then look; return whether there was one."""
    root.mkdir()
    ShardStore(shelves.place(root), shelves.inline).close()
    told: dict[int, str] = {}
    disk = Disk(root / "shards", cut_before)
    vars(disk).update(lies)
    was_cut = False
    with monkeypatch.context() as patch:
        disk.install(patch)
        try:
            trio.run(_life, root, told)
        except BaseExceptionGroup as group:
            # Whoever waits for a writer that is gone is told so.
            was_cut, others = True, group.split((PowerCut, StorageError))[1]
            if others is not None:
                raise others from None
    disk.lose()
    _look(root, told)
    return was_cut


def test_no_cut_loses_what_was_acknowledged_or_leaves_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = 0
    while _cut_off(tmp_path / str(cuts), monkeypatch, cuts + 1):
        cuts += 1
    assert cuts > 20, "every step was tried"


@pytest.mark.parametrize("left_out", ["syncs_files", "syncs_folders"])
def test_control_without_a_sync_something_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    def cut_everywhere() -> None:
        number = 1
        while _cut_off(tmp_path / str(number), monkeypatch, number, **{left_out: False}):
            number += 1

    with pytest.raises(AssertionError, match=r"had no file|acknowledged|canary|content"):
        cut_everywhere()

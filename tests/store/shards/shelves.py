"""A store of shards for tests: opened, driven, and looked at from outside."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import trio

from zentalk.store.shards import rows
from zentalk.store.shards.rows import Doomed, ShardRow
from zentalk.store.shards.sentinel import ShardFolder
from zentalk.store.shards.store import INDEX_FILE, ShardStore
from zentalk.store.sqlite import Transaction

T = TypeVar("T")
HOUR = 480_000
NODE = b"n" * 32
KEY = b"k" * 32
SMALL = 600
LARGE = 20_000


async def inline(function: Callable[[], T], /) -> T:
    await trio.lowlevel.checkpoint()
    return function()


def shard(number: int, size: int = LARGE) -> tuple[bytes, bytes]:
    """Return id and bytes of a shard, which begin with words to look for."""
    content = (b"canary %d " % number).ljust(size, b".")[:size]
    return hashlib.sha256(content).digest(), content


def place(root: Path, node: bytes = NODE) -> ShardFolder:
    root.mkdir(mode=0o700, exist_ok=True)
    return ShardFolder(root / "shards", root, node)


@asynccontextmanager
async def opened(root: Path, node: bytes = NODE) -> AsyncIterator[ShardStore]:
    """Run a store; what waits to be written is written at the end."""
    store = ShardStore(place(root, node), inline)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        store.close()


async def put(store: ShardStore, number: int, size: int = LARGE, expires: int = HOUR + 24) -> None:
    """Store a shard for KEY, whatever there is already; refused if it is there."""
    shard_id, content = shard(number, size)

    def keep(tx: Transaction, where: int) -> tuple[None, bool]:
        row = ShardRow(shard_id, KEY, len(content), expires, 0, where)
        rows.add(tx, row, content)
        return None, True

    await store.put(shard_id, content, keep)


async def delete(store: ShardStore, number: int, size: int = LARGE) -> bool:
    shard_id, _ = shard(number, size)

    def choose(tx: Transaction) -> tuple[bool, list[Doomed]]:
        row = rows.find(tx, shard_id)
        if row is None:
            return False, []
        rows.bury(tx, shard_id, row.expires)
        return True, [rows.remove(tx, row)]

    return await store.remove(choose)


async def expire(store: ShardStore, hour: int) -> int:
    def choose(tx: Transaction) -> tuple[int, list[Doomed]]:
        found = rows.expired(tx, hour, 100)
        return len(found), [rows.remove(tx, row) for row in found]

    return await store.remove(choose)


async def content_of(store: ShardStore, number: int, size: int = LARGE) -> bytes | None:
    shard_id, _ = shard(number, size)
    found = await store.get(shard_id, HOUR - 1000, 0, 2**18)
    return None if found is None else found[1]


def index(root: Path) -> sqlite3.Connection:
    """Open the index from outside, to read."""
    path = root / "shards" / INDEX_FILE
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def sums(root: Path) -> dict[str, int]:
    """Add up the index by hand, and what it says itself."""
    with closing(index(root)) as connection:
        ask = connection.execute
        (count, size) = ask("SELECT count(*), coalesce(sum(size), 0) FROM shard").fetchone()
        told = ask("SELECT sum(shards), sum(bytes) FROM used").fetchone()
    return {
        "counted": size + count * rows.ROW_BYTES,
        "told": told[1] or 0,
        "shards": count,
        "told shards": told[0] or 0,
    }


def files(root: Path) -> list[Path]:
    """Return the files of shards."""
    return [path for path in (root / "shards").glob("??/*") if path.is_file()]


def all_bytes(root: Path) -> bytes:
    """Return everything in a folder, as an investigator would read it."""
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


def modes(root: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), path.stat().st_mode & 0o777) for path in (root / "shards").rglob("*")}

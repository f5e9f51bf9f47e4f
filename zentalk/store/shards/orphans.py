"""Finds strays and lost rows after a crash or a fault of the disk, one folder at a time.

A stray is removed. A lost row is removed as well, so that its owner hears that the shard is not
here and repairs it; but never while the sentinel is missing, because then it is the disk that is
gone. A file of this run may get its row at any moment and is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from zentalk.store.blocking import RunBlocking
from zentalk.store.shards import rows
from zentalk.store.shards.files import ShardFiles
from zentalk.store.shards.rows import Doomed
from zentalk.store.shards.store import ShardStore
from zentalk.store.sqlite import Transaction


class Reconciled(NamedTuple):
    """How much was put right: files without a row, and rows without their file."""

    strays: int
    lost: int


async def reconcile(store: ShardStore, prefix: int, run_blocking: RunBlocking) -> Reconciled:
    """Put one folder and its rows right.

    Raises ShardsMissingError and changes nothing if the folder is not there any more, or
    StorageError.
    """
    # The rows first: a row that is seen here had its file by then.
    known = set(await store.read(lambda tx: list(rows.with_prefix(tx, prefix))))
    files = store.files
    found = set(await run_blocking(lambda: [Doomed(*one) for one in files.places(prefix)]))
    if not store.place.still_there():
        raise store.place.gone()
    strays = [one for one in found - known if not files.is_of_this_run(one.place)]
    removed = await run_blocking(partial(_remove, files, strays))
    return Reconciled(removed, await forget_lost(store, sorted(known - found)))


async def forget_lost(store: ShardStore, lost: Sequence[Doomed]) -> int:
    """Remove rows whose files are gone or cut short; return how many.

    Raises ShardsMissingError and changes nothing if the folder is not there any more.
    """
    if not lost:
        return 0
    if not store.place.still_there():
        raise store.place.gone()

    def choose(tx: Transaction) -> tuple[int, list[Doomed]]:
        doomed = []
        for one in lost:
            row = rows.find(tx, one.id)
            # It may have been deleted, or put anew, since somebody looked.
            if row is None or row.place != one.place:
                continue
            if not store.files.has(one.id, one.place, row.size):
                doomed.append(rows.remove(tx, row))
        return len(doomed), doomed

    return await store.remove(choose)


def _remove(files: ShardFiles, strays: Sequence[Doomed]) -> int:
    return sum(files.remove(*one) for one in strays)

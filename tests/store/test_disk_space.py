"""K25: a file system without room. Mail is refused, deletes go on, nothing promised is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mailbox.support import entry, envelope, mailbox_id, stored
from zentalk.errors import StorageFullError
from zentalk.mailbox.storage import (
    ChangeSendIds,
    DeleteEnvelopes,
    PutEnvelope,
    PutOutcome,
    PutResult,
    Room,
)
from zentalk.mailbox.stored import Envelope, SaveMailbox
from zentalk.store.disk_space import BALLAST_BYTES, RESERVE_BYTES, DiskSpace
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.store.sqlite import open_database

BOB = mailbox_id("bob")
MIB = 1024 * 1024


class Disk:
    """A file system as `statvfs` shows it; `free` None is one that does not know its size."""

    def __init__(self, free: int | None) -> None:
        self.free = free

    def statvfs(self, _path: object) -> os.statvfs_result:
        blocks = 0 if self.free is None else 1
        return os.statvfs_result((1, 1, blocks, 0, self.free or 0, 0, 0, 0, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(100 * MIB)
    monkeypatch.setattr(os, "statvfs", disk.statvfs)
    return disk


def test_room_is_what_the_log_and_the_file_can_both_take(tmp_path: Path, disk: Disk) -> None:
    connection = open_database(tmp_path / "q.db", ())
    space = DiskSpace(tmp_path / "q.db")
    assert space.room(connection) == (100 * MIB - RESERVE_BYTES) // 2
    disk.free = RESERVE_BYTES
    assert space.room(connection) == 0
    disk.free = None
    assert space.room(connection) > 2**60
    connection.close()


def test_unused_pages_of_the_file_need_room_in_the_log_only(tmp_path: Path, disk: Disk) -> None:
    connection = open_database(tmp_path / "q.db", ("CREATE TABLE t (b BLOB)",))
    space = DiskSpace(tmp_path / "q.db")
    space.room(connection)
    connection.execute("INSERT INTO t VALUES (zeroblob(1048576))")
    connection.execute("DELETE FROM t")
    disk.free = RESERVE_BYTES + MIB // 2
    assert MIB <= space.room(connection) < MIB + 8192
    disk.free = RESERVE_BYTES  # mail has filled the disk, and some of it was collected
    assert space.room(connection) == RESERVE_BYTES // 2
    disk.free = RESERVE_BYTES // 2
    assert space.room(connection) == 0
    connection.close()


def test_the_ballast_is_made_of_blocks_and_comes_back_when_there_is_room(
    tmp_path: Path, disk: Disk
) -> None:
    connection = open_database(tmp_path / "q.db", ())
    space = DiskSpace(tmp_path / "q.db")
    space.room(connection)
    ballast = tmp_path / "q.db.ballast"
    assert ballast.stat().st_blocks * 512 >= BALLAST_BYTES
    assert ballast.stat().st_mode & 0o077 == 0
    assert not space.release()  # there is room: nothing is given away
    disk.free = 0
    assert space.release()
    assert not ballast.exists()
    assert not space.release()
    disk.free = BALLAST_BYTES + RESERVE_BYTES - 1  # what was given back is not taken again
    assert space.room(connection) == 0
    disk.free = BALLAST_BYTES + RESERVE_BYTES
    assert space.room(connection) > 0
    assert DiskSpace(tmp_path / "q.db").has_ballast  # also after a restart
    connection.close()


# --- a real one --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def opened(place: Path) -> SqliteMailboxStore:
    store = SqliteMailboxStore(place / "queue.db")
    record = SaveMailbox(BOB, 1, 0, 10**6, last_resort_used=False)
    store.apply([record, ChangeSendIds(BOB, (entry("bob"),), ())])
    return store


def put(store: SqliteMailboxStore, *items: Envelope) -> list[PutResult]:
    outcomes = store.apply([PutEnvelope(item, Room.FREE) for item in items])
    return [item.result for item in outcomes if isinstance(item, PutOutcome)]


def fill(store: SqliteMailboxStore) -> int:
    """Put envelopes until one is refused; return how many went in."""
    for seq in range(0, 20_000, 20):
        results = put(store, *(envelope(n, sealed=bytes(1715)) for n in range(seq, seq + 20)))
        if PutResult.NO_SPACE in results:
            return seq + results.index(PutResult.NO_SPACE)
    raise AssertionError("a full disk took everything")


def take_the_rest(place: Path) -> Path:
    """Let somebody else use up the file system to the last byte."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                if not file.write(bytes(4096)):
                    return filler
            except OSError:
                return filler


@pytest.mark.privileged
def test_k25_a_full_file_system_refuses_mail_and_collecting_frees_space(small_disk: Path) -> None:
    store = opened(small_disk)
    count = fill(store)
    assert stored(store) == count > 1000
    assert store._space.has_ballast
    store.apply([DeleteEnvelopes(BOB, tuple(range(200)))])
    news = [envelope(50_000 + n, sealed=bytes(1715)) for n in range(150)]
    assert put(store, *news) == [PutResult.INSERTED] * 150
    store.close()


@pytest.mark.privileged
def test_k25_when_others_take_the_last_byte_deletes_go_on(small_disk: Path) -> None:
    store = opened(small_disk)
    mine = [envelope(n, sealed=bytes(1715)) for n in range(500)]
    assert put(store, *mine) == [PutResult.INSERTED] * 500
    filler = take_the_rest(small_disk)
    assert put(store, envelope(900, sealed=bytes(1715))) == [PutResult.NO_SPACE]
    for first in range(0, 400, 20):
        store.apply([DeleteEnvelopes(BOB, tuple(range(first, first + 20)))])
    assert stored(store) == 100
    store.close()
    store = SqliteMailboxStore(small_disk / "queue.db")  # it also starts on such a disk
    assert stored(store) == 100
    filler.unlink()
    assert put(store, *mine[:50]) == [PutResult.INSERTED] * 50
    assert store._space.has_ballast
    store.close()


@pytest.mark.privileged
def test_k25_control_without_a_ballast_nothing_can_be_deleted(small_disk: Path) -> None:
    store = opened(small_disk)
    put(store, *(envelope(n, sealed=bytes(1715)) for n in range(500)))
    (small_disk / "queue.db.ballast").unlink()
    store._space = DiskSpace(small_disk / "queue.db", ballast_bytes=0)
    store._space.room(store._connection)
    take_the_rest(small_disk)
    with pytest.raises(StorageFullError):
        store.apply([DeleteEnvelopes(BOB, tuple(range(20)))])
    store.close()

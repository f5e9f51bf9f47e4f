"""Rows of files: what the owner has put into the mesh, and what others have given to the owner.

Where shards lie is a byte each: the place of a holder in the list of the file. What a file's bytes
are is not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple

from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.store.sqlite import Transaction


class FileState(StrEnum):
    """How far a file is; the database stores the values and REST shows them."""

    UPLOADING = "uploading"
    """Some of its shards are not at their holders yet."""
    KEPT = "kept"
    """Its holders have all of it, and its owner is here."""
    DELETING = "deleting"
    """Some of its holders have not confirmed that they deleted it."""
    RECEIVED = "received"
    """Somebody else's."""


class PartKind(IntEnum):
    """What a row of shards is a part of."""

    HEAD = 0
    INDEX = 1
    DATA = 2


class FilePart(NamedTuple):
    """The shards of one segment, or the head: their ids in order, and where each lies.

    `places` are numbers of holders in the file's list, one a shard; a head has one id and a place
    for each of its copies. `verdicts` have a byte for each place (`zentalk.node.files.care.books`
    says what they mean); without any, all are right.
    """

    kind: PartKind
    number: int
    ids: bytes
    places: bytes
    verdicts: bytes = b""

    def __repr__(self) -> str:
        return f"<{self.kind.name.lower()} {self.number} of a file>"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file; times are unix seconds. The secrets of its owner are there for own files only."""

    id: bytes
    cid: bytes | None = field(repr=False)
    share_secret: bytes = field(repr=False)
    content_secret: bytes | None = field(repr=False)
    owner_secret: bytes | None = field(repr=False)
    name: str = field(repr=False)
    media_type: str = field(repr=False)
    size: int = field(repr=False)
    state: FileState
    reason: str
    """Why it does not go on, or empty."""
    segments_done: int
    holders: tuple[NodeId, ...] = field(repr=False)
    slots: bytes = field(repr=False)
    created_at: float
    renewed_at: float | None
    checked_at: float | None
    is_here: bool
    """Whether all of it lies in the node's own folder."""
    used_at: float
    preview: bytes = field(default=b"", repr=False)
    width: int = field(default=0, repr=False)
    height: int = field(default=0, repr=False)
    milliseconds: int = field(default=0, repr=False)
    version: int = 1
    """The version of its shards and its head."""
    replaces: bytes | None = field(default=None, repr=False)
    """The file of an older version whose place this one will take."""


_NAMES: Final = tuple(column.name for column in fields(StoredFile))
_COLUMNS: Final = ", ".join(_NAMES)
_TABLES: Final = ("file_parts", "file_silence", "file_leftovers", "file_former_cids")


def insert(tx: Transaction, file: StoredFile) -> None:
    """Add a file."""
    values = {name: getattr(file, name) for name in _NAMES} | {"holders": b"".join(file.holders)}
    marks = ", ".join(f":{name}" for name in _NAMES)
    tx.execute(f"INSERT INTO files ({_COLUMNS}) VALUES ({marks})", values)


def get(tx: Transaction, file_id: bytes) -> StoredFile | None:
    """Return one file by its id here."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM files WHERE id = ?", (file_id,)).fetchone()
    return None if row is None else _file(row)


def by_cid(tx: Transaction, cid: bytes) -> StoredFile | None:
    """Return one file by its CID."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM files WHERE cid = ?", (cid,)).fetchone()
    return None if row is None else _file(row)


def every(tx: Transaction) -> list[StoredFile]:
    """Return all files that their owner knows of, the newest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM files WHERE replaces IS NULL ORDER BY created_at DESC, id"
    )
    return [_file(row) for row in rows]


def in_state(tx: Transaction, state: FileState) -> list[StoredFile]:
    """Return the files in a state, the oldest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM files WHERE state = ? ORDER BY created_at, id", (state,)
    )
    return [_file(row) for row in rows]


def set_place(tx: Transaction, file_id: bytes, holders: tuple[NodeId, ...], slots: bytes) -> None:
    """Set which relays hold a file, and who of them takes which slot."""
    tx.execute(
        "UPDATE files SET holders = ?, slots = ? WHERE id = ?",
        (b"".join(holders), slots, file_id),
    )


def add_holders(tx: Transaction, file_id: bytes, holders: tuple[NodeId, ...]) -> None:
    """Set the list of a file's holders, which only grows."""
    tx.execute("UPDATE files SET holders = ? WHERE id = ?", (b"".join(holders), file_id))


def put_part(tx: Transaction, file_id: bytes, part: FilePart) -> None:
    """Set where the shards of one part lie."""
    tx.execute("INSERT OR REPLACE INTO file_parts VALUES (?, ?, ?, ?, ?, ?)", (file_id, *part))


def parts(tx: Transaction, file_id: bytes, kind: PartKind | None = None) -> list[FilePart]:
    """Return the parts of a file, or those of one kind, in order."""
    rows = tx.execute(
        "SELECT kind, number, ids, places, verdicts FROM file_parts WHERE file = ?1"
        " AND (?2 IS NULL OR kind = ?2) ORDER BY kind, number",
        (file_id, kind),
    )
    return [FilePart(PartKind(row[0]), *row[1:]) for row in rows]


def progressed(tx: Transaction, file_id: bytes, segments_done: int) -> None:
    """Note how many segments are at their holders."""
    tx.execute(
        "UPDATE files SET segments_done = ?, reason = '' WHERE id = ?", (segments_done, file_id)
    )


def finished(tx: Transaction, file_id: bytes, cid: bytes, now: float) -> None:
    """Note that all of an own file is kept, under a CID."""
    tx.execute(
        "UPDATE files SET cid = ?, state = 'kept', reason = '', renewed_at = ?, checked_at = ?"
        " WHERE id = ?",
        (cid, now, now, file_id),
    )


def set_state(tx: Transaction, file_id: bytes, state: FileState, reason: str = "") -> None:
    """Set the state of a file, and why it does not go on."""
    tx.execute("UPDATE files SET state = ?, reason = ? WHERE id = ?", (state, reason, file_id))


def set_reason(tx: Transaction, file_id: bytes, reason: str) -> None:
    """Note why a file does not go on."""
    tx.execute("UPDATE files SET reason = ? WHERE id = ?", (reason, file_id))


def rotated(tx: Transaction, file: StoredFile) -> None:
    """Give an own file its new CID, share secret and slots; it is found by the old CID too."""
    tx.execute(
        "INSERT OR REPLACE INTO file_former_cids SELECT cid, id FROM files WHERE id = ?",
        (file.id,),
    )
    tx.execute(
        "UPDATE files SET cid = ?, share_secret = ?, slots = ? WHERE id = ?",
        (file.cid, file.share_secret, file.slots, file.id),
    )


def by_former_cid(tx: Transaction, cid: bytes) -> StoredFile | None:
    """Return the file that had a CID before it got another one."""
    columns = ", ".join(f"files.{name}" for name in _NAMES)
    row = tx.execute(
        f"SELECT {columns} FROM file_former_cids AS former JOIN files ON files.id = former.file"
        " WHERE former.cid = ?",
        (cid,),
    ).fetchone()
    return None if row is None else _file(row)


def older_than(tx: Transaction, version: int) -> StoredFile | None:
    """Return an own file that is kept in an older version, the oldest first."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM files WHERE state = 'kept' AND version < ? AND replaces IS NULL"
        " ORDER BY created_at, id LIMIT 1",
        (version,),
    ).fetchone()
    return None if row is None else _file(row)


def moving(tx: Transaction) -> StoredFile | None:
    """Return the new version of a file that is being moved, unless it is forgotten already."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM files WHERE replaces IS NOT NULL AND state != 'deleting' LIMIT 1"
    ).fetchone()
    return None if row is None else _file(row)


def replaced(tx: Transaction, old_id: bytes, new_id: bytes) -> None:
    """Let the new version of a file take its place, and the old one be deleted."""
    set_state(tx, old_id, FileState.DELETING)
    tx.execute("UPDATE file_former_cids SET file = ? WHERE file = ?", (new_id, old_id))
    tx.execute(
        "INSERT INTO file_former_cids SELECT cid, ? FROM files WHERE id = ?", (new_id, old_id)
    )
    tx.execute("UPDATE files SET replaces = NULL WHERE id = ?", (new_id,))


def is_here(tx: Transaction, file_id: bytes, now: float, *, here: bool) -> None:
    """Note whether all of a file lies in the node's own folder."""
    tx.execute("UPDATE files SET is_here = ?, used_at = ? WHERE id = ?", (here, now, file_id))


def used(tx: Transaction, file_id: bytes, now: float) -> None:
    """Note that a file was read."""
    tx.execute("UPDATE files SET used_at = ? WHERE id = ?", (now, file_id))


def looked_after(tx: Transaction, file_id: bytes, now: float) -> None:
    """Note that an own file was looked after."""
    tx.execute("UPDATE files SET checked_at = ? WHERE id = ?", (now, file_id))


def renewed(tx: Transaction, file_id: bytes, now: float) -> None:
    """Note that leases of an own file were renewed, or new ones granted."""
    tx.execute("UPDATE files SET renewed_at = ? WHERE id = ?", (now, file_id))


def forget(tx: Transaction, file_id: bytes) -> None:
    """Delete a file's rows."""
    tx.execute("DELETE FROM files WHERE id = ?", (file_id,))
    for table in _TABLES:
        tx.execute(f"DELETE FROM {table} WHERE file = ?", (file_id,))


def cached(tx: Transaction) -> list[tuple[bytes, int]]:
    """Return id and size of files that could be fetched again, those longest unused first.

    One of which holders have lost too much is not among them.
    """
    rows = tx.execute(
        "SELECT id, size FROM files WHERE is_here AND state IN ('kept', 'received')"
        " AND reason = '' AND replaces IS NULL"
        " ORDER BY used_at, id"
    )
    return [(row[0], row[1]) for row in rows]


def elsewhere(tx: Transaction) -> set[bytes]:
    """Return the ids of files of which the folder keeps nothing."""
    return {row[0] for row in tx.execute("SELECT id FROM files WHERE NOT is_here")}


def _file(row: tuple[Any, ...]) -> StoredFile:
    values = dict(zip(_NAMES, row, strict=True))
    packed = values["holders"]
    starts = range(0, len(packed), NODE_ID_BYTES)
    values["holders"] = tuple(NodeId(packed[at : at + NODE_ID_BYTES]) for at in starts)
    values["state"] = FileState(values["state"])
    values["is_here"] = bool(values["is_here"])
    return StoredFile(**values)

"""Rows of what an owner knows of its holders: who is silent, and what they have that is not wanted.

A *leftover* is a shard that lies at a holder and in no row of its file any more. One that is `due`
is to be deleted there; any other is left to the end of its lease, and deleted with its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.errors import UnavailableError
from zentalk.ids import NodeId, ShardId
from zentalk.store.history import files, settings
from zentalk.store.history.files import PartKind, StoredFile
from zentalk.store.sqlite import Transaction

MAX_HOLDERS: Final = 250
"""Places in the list of a file's holders: each is a byte in its rows."""


_AWAKE: Final = "files-looked-after"
"""8 bytes: the unix time at which the node last looked after its files."""


class Leftover(NamedTuple):
    """One shard that is wanted no more at a holder, whose lease ends at `until` (unix seconds)."""

    holder: NodeId
    id: ShardId
    until: float
    is_due: bool = True

    def __repr__(self) -> str:
        return "<a shard that is left over>"


def silence(tx: Transaction, file_id: bytes) -> dict[NodeId, float]:
    """Return since when which holders of a file are silent."""
    rows = tx.execute("SELECT holder, since FROM file_silence WHERE file = ?", (file_id,))
    return {NodeId(row[0]): row[1] for row in rows}


def set_silence(tx: Transaction, file_id: bytes, since: Mapping[NodeId, float]) -> None:
    """Set which holders of a file are silent."""
    tx.execute("DELETE FROM file_silence WHERE file = ?", (file_id,))
    tx.executemany(
        "INSERT INTO file_silence VALUES (?, ?, ?)",
        [(file_id, holder, when) for holder, when in since.items()],
    )


def awake(tx: Transaction, now: float, asleep_seconds: float) -> None:
    """Note that the node looks after files now; if it did not for so long, nobody is silent."""
    last = int.from_bytes(settings.get(tx, _AWAKE) or b"", "big")
    if now - last >= asleep_seconds:
        tx.execute("DELETE FROM file_silence")
    settings.put(tx, _AWAKE, int(now).to_bytes(8, "big"))


def set_verdicts(tx: Transaction, file_id: bytes, kind: PartKind, number: int, new: bytes) -> None:
    """Set what is known of the shards of one part."""
    tx.execute(
        "UPDATE file_parts SET verdicts = ? WHERE file = ? AND kind = ? AND number = ?",
        (new, file_id, kind, number),
    )


def leave(tx: Transaction, file_id: bytes, left: Iterable[Leftover]) -> None:
    """Note shards that are wanted no more; one that is due stays so."""
    tx.executemany(
        "INSERT INTO file_leftovers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " until = max(until, excluded.until), is_due = max(is_due, excluded.is_due)",
        [(file_id, *one) for one in left],
    )


def leftovers(tx: Transaction, file_id: bytes) -> list[Leftover]:
    """Return the shards of a file that are wanted no more."""
    rows = tx.execute(
        "SELECT holder, id, until, is_due FROM file_leftovers WHERE file = ? ORDER BY holder, id",
        (file_id,),
    )
    return [Leftover(NodeId(row[0]), ShardId(row[1]), row[2], bool(row[3])) for row in rows]


def with_leftovers(tx: Transaction, now: float) -> list[bytes]:
    """Return the kept files with shards to be deleted, or with some that are gone by now."""
    rows = tx.execute(
        "SELECT DISTINCT file FROM file_leftovers JOIN files ON files.id = file"
        " WHERE state = 'kept' AND (is_due OR until <= ?) ORDER BY file",
        (now,),
    )
    return [row[0] for row in rows]


def not_left(tx: Transaction, file_id: bytes, gone: Iterable[tuple[NodeId, ShardId]]) -> None:
    """Forget shards that holders have deleted, or that are wanted again there."""
    tx.executemany(
        "DELETE FROM file_leftovers WHERE file = ? AND holder = ? AND id = ?",
        [(file_id, *one) for one in gone],
    )


def numbers_of(
    tx: Transaction, file: StoredFile, wanted: Sequence[NodeId], keep: Collection[int] = ()
) -> list[int]:
    """Return the places of holders in a file's list, giving places to those that have none.

    Once the list is long, a place is given again that no row has, nor `keep`, nor a slot. Raises
    UnavailableError if there is none.
    """
    listed = list(file.holders)
    free: list[int] | None = None
    for holder in wanted:
        if holder in listed:
            continue
        if len(listed) < MAX_HOLDERS:
            listed.append(holder)
            continue
        if free is None:
            free = _free(tx, file, wanted, keep)
        if not free:
            raise UnavailableError("a file lies at more holders than its list has room for")
        listed[free.pop()] = holder
    if tuple(listed) != file.holders:
        files.add_holders(tx, file.id, tuple(listed))
    return [listed.index(holder) for holder in wanted]


def _free(
    tx: Transaction, file: StoredFile, wanted: Sequence[NodeId], keep: Collection[int]
) -> list[int]:
    used = set(file.slots).union(keep, *(part.places for part in files.parts(tx, file.id)))
    places = enumerate(file.holders)
    return [place for place, holder in places if place not in used and holder not in wanted]

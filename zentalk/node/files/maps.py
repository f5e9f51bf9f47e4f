"""Where the shards of a file lie, as far as its owner wrote it down or its head says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zentalk.ids import SHARD_ID_BYTES, NodeId, ShardId
from zentalk.mesh.placement import ShardNumber, holder_of
from zentalk.store.history.files import FilePart, PartKind, StoredFile
from zentalk.wire.head import PIECES, Head, SegmentIds


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """One shard of a segment, and who is to have it."""

    id: ShardId = field(repr=False)
    holder: NodeId = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileMap:
    """All segments of a file, with the places of their 15 shards in order of their index."""

    content_secret: bytes = field(repr=False)
    size: int = field(repr=False)
    segments: tuple[tuple[ShardPlace, ...], ...] = field(repr=False)
    head: tuple[ShardPlace, ...] = field(default=(), repr=False)
    """The copies of the head, of an own file."""
    index: tuple[ShardPlace, ...] = field(default=(), repr=False)
    """The shards of the index, of an own file that has one."""


def map_of_rows(file: StoredFile, rows: Sequence[FilePart]) -> FileMap:
    """Return the map of an own file, of the rows of its parts."""
    assert file.content_secret is not None
    places: dict[PartKind, list[tuple[ShardPlace, ...]]] = {kind: [] for kind in PartKind}
    for row in rows:
        places[row.kind].append(places_of_row(file, row))
    [head], [index] = (places[kind][:1] or [()] for kind in (PartKind.HEAD, PartKind.INDEX))
    return FileMap(file.content_secret, file.size, tuple(places[PartKind.DATA]), head, index)


def places_of_row(file: StoredFile, row: FilePart) -> tuple[ShardPlace, ...]:
    """Return the places of the shards of one row, or of the copies of a head."""
    ids = ids_of(row)
    if row.kind is PartKind.HEAD:
        ids *= len(row.places)
    return tuple(
        ShardPlace(one, file.holders[place]) for one, place in zip(ids, row.places, strict=True)
    )


def ids_of(row: FilePart) -> SegmentIds:
    """Return the ids of the shards of one row, or the one of a head."""
    starts = range(0, len(row.ids), SHARD_ID_BYTES)
    return tuple(ShardId(row.ids[at : at + SHARD_ID_BYTES]) for at in starts)


def map_of_head(head: Head, segments: Sequence[SegmentIds]) -> FileMap:
    """Return the map that a head gives, of the ids of all segments."""
    rows = tuple(places_of_ids(head, number, ids) for number, ids in enumerate(segments))
    return FileMap(head.content_secret, head.size, rows)


def places_of_ids(head: Head, number: int, ids: SegmentIds) -> tuple[ShardPlace, ...]:
    """Return the places of the shards of one segment as a head has them."""
    return tuple(
        ShardPlace(ids[index], holder_of(head, ShardNumber(number, index)))
        for index in range(PIECES)
    )

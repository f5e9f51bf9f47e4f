"""The record in a head: how a file is put together from its shards.

Spec: docs/spec/mesh.md section 6. The record is filled up to one of few sizes, and is in the clear
here; it must never be sealed or opened in this module (`zentalk.mesh.head` does that).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from zentalk.errors import DecodeError, LocalProtocolError, NewerVersionError
from zentalk.ids import NODE_ID_BYTES, SHARD_ID_BYTES, NodeId, ShardId
from zentalk.wire.codec import Fields, pack, unpack_first

VERSION: Final = 1
SECRET_BYTES: Final = 32
PIECES: Final = 15
"""Shards of a segment, and slots that they lie in."""
SMALL_SEGMENT_BYTES: Final = 2**20
LARGE_SEGMENT_BYTES: Final = 2**21
LARGE_FILE_BYTES: Final = 16 * 2**20
"""A file from this size on is cut into large segments."""
MAX_FILE_BYTES: Final = 4 * 2**30
MAX_LISTED_SEGMENTS: Final = 16
"""Segments whose ids are in the head; those of a file of more are in its index."""
INDEX_ROW_BYTES: Final = PIECES * SHARD_ID_BYTES
MIN_HEAD_BYTES: Final = 1024
MAX_HEAD_BYTES: Final = 16 * 1024
"""The largest that version 1 comes to: 16 segments at 15 holders."""

SegmentIds: TypeAlias = tuple[ShardId, ...]
"""The ids of the 15 shards of a segment, by their index."""


@dataclass(frozen=True, slots=True)
class Head:
    """How to put a file together.

    `slots` has the number of a holder for each slot. `segments` are the shard ids of up to 16
    segments; a file of more has them in its index, and here those of the `index`.
    """

    content_secret: bytes = field(repr=False)
    size: int = field(repr=False)
    holders: tuple[NodeId, ...] = field(repr=False)
    slots: tuple[int, ...] = field(repr=False)
    segments: tuple[SegmentIds, ...] = field(repr=False)
    index: tuple[SegmentIds, ...] = field(default=(), repr=False)

    @property
    def segment_bytes(self) -> int:
        """The size of all segments but the last."""
        return segment_bytes_of(self.size)

    @property
    def segment_count(self) -> int:
        """How many segments the file has."""
        return segment_count_of(self.size)


def segment_bytes_of(size: int) -> int:
    """Return the size of the segments that a file of `size` bytes is cut into."""
    return SMALL_SEGMENT_BYTES if size < LARGE_FILE_BYTES else LARGE_SEGMENT_BYTES


def segment_count_of(size: int) -> int:
    """Return how many segments a file of `size` bytes has: at least one."""
    return max(1, -(-size // segment_bytes_of(size)))


def newest_version() -> int:
    """Return the version that new files have."""
    return max(_WRITERS)


def encode_head(head: Head, version: int = VERSION) -> bytes:
    """Encode and fill a head; raises LocalProtocolError if it is not one that can be read."""
    fault = _fault(head)
    if fault:
        raise LocalProtocolError(fault)
    return _WRITERS[version](head)


def _write_first(head: Head) -> bytes:
    record = pack(
        [
            VERSION,
            bytes(head.content_secret),
            head.size,
            head.segment_bytes,
            list(head.holders),
            bytes(head.slots),
            *([b"".join(row) for row in table] for table in (head.segments, head.index)),
        ]
    )
    return record.ljust(_filled_bytes(len(record)), b"\0")


def decode_head(data: bytes) -> Head:
    """Read a head that was filled.

    Raises NewerVersionError if it is of a later version, DecodeError if it is none.
    """
    # In every version the record is an array of up to 15 fields, and the first is its version.
    if len(data) < MIN_HEAD_BYTES or not 0x90 < data[0] <= 0x9F or not 0 < data[1] < 0x80:
        raise DecodeError("what came as the head of a file is none")
    reader = _READERS.get(data[1])
    if reader is None:
        raise NewerVersionError(
            f"a file is of version {data[1]}: a newer version of this program can read it"
        )
    return reader(data)


def _read_first(data: bytes) -> Head:
    value, fill = unpack_first(data, max_bytes=MAX_HEAD_BYTES)
    if any(fill) or len(data) != _filled_bytes(len(data) - len(fill)):
        raise DecodeError("the head of a file is not filled as it must be")
    fields = Fields(value, "the head of a file")
    fields.uint(VERSION)
    secret, size = fields.fixed(SECRET_BYTES), fields.uint(MAX_FILE_BYTES)
    if fields.uint(LARGE_SEGMENT_BYTES) != segment_bytes_of(size):
        raise DecodeError("a file is cut into segments of a size that it must not have")
    head = Head(
        secret,
        size,
        tuple(map(NodeId, fields.fixed_array(PIECES, NODE_ID_BYTES))),
        tuple(fields.fixed(PIECES)),
        _table(fields, MAX_LISTED_SEGMENTS),
        _table(fields, 1),
    )
    fields.end()
    fault = _fault(head)
    if fault:
        raise DecodeError(fault)
    return head


_READERS: Final[dict[int, Callable[[bytes], Head]]] = {1: _read_first}
"""The readers of all versions; a head of one that is not here asks for a newer program."""
_WRITERS: Final[dict[int, Callable[[Head], bytes]]] = {1: _write_first}
"""The writers of the versions that a file may have until it is moved to the newest."""


def encode_index(segments: tuple[SegmentIds, ...]) -> bytes:
    """Join the ids of the segments of a file; raises LocalProtocolError if one is not whole."""
    rows = [b"".join(row) for row in segments]
    if any(len(row) != INDEX_ROW_BYTES for row in rows):
        raise LocalProtocolError("a segment has not the ids of 15 shards")
    return b"".join(rows)


def decode_index(data: bytes, segments: int) -> tuple[SegmentIds, ...]:
    """Read the index of a file of so many segments; raises DecodeError."""
    if len(data) != segments * INDEX_ROW_BYTES:
        raise DecodeError("the index of a file has not as many segments as the file")
    rows = range(0, len(data), INDEX_ROW_BYTES)
    return tuple(_row(data[at : at + INDEX_ROW_BYTES]) for at in rows)


def _table(fields: Fields, maximum: int) -> tuple[SegmentIds, ...]:
    return tuple(map(_row, fields.fixed_array(maximum, INDEX_ROW_BYTES)))


def _row(data: bytes) -> SegmentIds:
    at = range(0, INDEX_ROW_BYTES, SHARD_ID_BYTES)
    return tuple(ShardId(data[start : start + SHARD_ID_BYTES]) for start in at)


def _filled_bytes(length: int) -> int:
    size = MIN_HEAD_BYTES
    while size < length:
        size *= 2
    return size


def _fault(head: Head) -> str:
    """Return what is the matter with a head, empty if nothing is."""
    if len(head.content_secret) != SECRET_BYTES or not 0 <= head.size <= MAX_FILE_BYTES:
        return "the secret or the size of a file is out of bounds"
    distinct = set(head.holders)
    if not 1 <= len(head.holders) <= PIECES or len(distinct) != len(head.holders):
        return f"the holders of a file are not 1 to {PIECES}, each once"
    if any(len(holder) != NODE_ID_BYTES for holder in distinct):
        return "a holder's id has the wrong length"
    if len(head.slots) != PIECES or set(head.slots) != set(range(len(head.holders))):
        return "the slots of a file are not those of its holders"
    listed = head.segment_count <= MAX_LISTED_SEGMENTS
    if (len(head.segments), len(head.index)) != ((head.segment_count, 0) if listed else (0, 1)):
        return "a file has not as many segments as its size says"
    rows = (*head.segments, *head.index)
    if any([len(part) for part in row] != [SHARD_ID_BYTES] * PIECES for row in rows):
        return "a segment has not the ids of 15 shards"
    return ""

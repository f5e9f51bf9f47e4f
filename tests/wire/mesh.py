"""Heads, shards and statements of no file in particular, for tests of their formats."""

from __future__ import annotations

from zentalk.crypto.hashing import sha256
from zentalk.ids import NodeId, ShardId
from zentalk.wire import head as heads
from zentalk.wire.shard import Coding, Shard
from zentalk.wire.statement import SignedStatement

MIB = 2**20
IDS = tuple(ShardId(bytes([number]) * 32) for number in range(1, 4))
SIGNED = SignedStatement(b"k" * 32, 480_000, 28_800_000, b"o" * 16, b"s" * 64)
PIECE = Shard(Coding.PIECE, 14, b"p" * 100)


def segment_ids(number: int) -> heads.SegmentIds:
    """Return 15 ids of their own for each number."""
    return tuple(ShardId(sha256(b"%d %d" % (number, index))) for index in range(heads.PIECES))


def head_of(size: int, holders: int = 15) -> heads.Head:
    """Return the head of a file of a size, in 15 slots at so many holders."""
    count = heads.segment_count_of(size)
    rows = tuple(map(segment_ids, range(count if count <= heads.MAX_LISTED_SEGMENTS else 1)))
    listed = count <= heads.MAX_LISTED_SEGMENTS
    return heads.Head(
        content_secret=b"c" * 32,
        size=size,
        holders=tuple(NodeId(sha256(b"holder %d" % number)) for number in range(holders)),
        slots=tuple(slot % holders for slot in range(heads.PIECES)),
        segments=rows if listed else (),
        index=() if listed else rows,
    )


HEADS = (head_of(0, 1), head_of(5 * MIB, 3), head_of(31 * MIB), head_of(33 * MIB))

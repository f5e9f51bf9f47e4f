"""Heads: sealed and opened, and what of a file is in its head and what in its index.

Spec: docs/spec/mesh.md sections 6 and 12. A head key seals one head only: its nonce is zero. A head
must never be believed before its content id was compared and its seal opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zentalk.crypto.aead import ZERO_NONCE, aes_open, aes_seal
from zentalk.crypto.types import Secret
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import ShardId
from zentalk.mesh.placement import Layout
from zentalk.wire.head import (
    MAX_LISTED_SEGMENTS,
    VERSION,
    Head,
    SegmentIds,
    decode_head,
    decode_index,
    encode_head,
    encode_index,
)
from zentalk.wire.shard import Coding, Shard, decode_shard, encode_shard, shard_id


class SealedHead(NamedTuple):
    """The shard that a sealed head is; its id is the content id of the file."""

    cid: ShardId
    content: bytes


def index_of(segments: Sequence[SegmentIds]) -> bytes:
    """Return the index of a file of these segments, empty if their ids are in the head."""
    return encode_index(tuple(segments)) if len(segments) > MAX_LISTED_SEGMENTS else b""


def head_of_file(
    content_secret: bytes,
    size: int,
    layout: Layout,
    segments: Sequence[SegmentIds],
    index: SegmentIds | None = None,
) -> Head:
    """Return the head of a file; `index` are the shards of its index, if it has one."""
    secret = Secret(content_secret)
    if index is None:
        return Head(secret, size, layout.holders, layout.slots, tuple(segments))
    return Head(secret, size, layout.holders, layout.slots, (), (index,))


def segments_of(head: Head, index: bytes = b"") -> tuple[SegmentIds, ...]:
    """Return the ids of the shards of all segments; `index` is what the index's shards gave.

    Raises DecodeError if it is not the index of this file.
    """
    return decode_index(index, head.segment_count) if head.index else head.segments


def seal_head(head_key: bytes, head: Head, version: int = VERSION) -> SealedHead:
    """Seal a head of a version; raises LocalProtocolError if it could not be read again.

    The key must never have sealed another one.
    """
    sealed = aes_seal(head_key, ZERO_NONCE, encode_head(head, version))
    content = encode_shard(Shard(Coding.COPY, 0, sealed))
    return SealedHead(shard_id(content), content)


def open_head(head_key: bytes, found: SealedHead) -> Head:
    """Open what somebody gave for the head with a content id.

    Raises NewerVersionError if the file needs a newer version of this program, AuthenticationError
    if these are other bytes or the key is another, and DecodeError if what is sealed is no head.
    """
    if shard_id(found.content) != found.cid:
        raise AuthenticationError("what came as the head of a file is something else")
    shard = decode_shard(found.content)
    if shard.coding is not Coding.COPY:
        raise DecodeError("what came as the head of a file is a piece of one")
    return decode_head(aes_open(head_key, ZERO_NONCE, shard.payload))

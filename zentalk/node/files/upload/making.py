"""Makes the shards of one file: seals, codes and names them. All of it blocks, and takes a core."""

from __future__ import annotations

from dataclasses import dataclass, field

from zentalk.errors import LocalProtocolError
from zentalk.mesh.head import head_of_file, seal_head
from zentalk.mesh.placement import Layout
from zentalk.mesh.secrets import FileSecrets, ShareSecrets
from zentalk.mesh.segments import coded, seal_segment
from zentalk.store.history.files import PartKind, StoredFile
from zentalk.wire.head import SegmentIds, encode_index
from zentalk.wire.shard import Coding, Shard, encode_shard, shard_id


@dataclass(frozen=True, slots=True)
class Made:
    """The shards of one segment, or the one shard of a head, with their ids."""

    kind: PartKind
    number: int
    ids: SegmentIds = field(repr=False)
    contents: tuple[bytes, ...] = field(repr=False)


def made_segment(file: StoredFile, number: int, count: int, data: bytes) -> Made:
    """Make the shards of one of `count` segments of a file."""
    key = _secrets(file).segment_key
    return _made(PartKind.DATA, number, seal_segment(key, number, data, last=number == count - 1))


def made_index(file: StoredFile, segments: tuple[SegmentIds, ...]) -> Made:
    """Make the shards of the index of a file."""
    sealed = seal_segment(_secrets(file).index_key, 0, encode_index(segments), last=True)
    return _made(PartKind.INDEX, 0, sealed)


def made_head(
    file: StoredFile, layout: Layout, segments: tuple[SegmentIds, ...], index: SegmentIds | None
) -> Made:
    """Make the head of a file, whose id is its CID."""
    content_secret = _secrets(file).content
    head = head_of_file(content_secret, file.size, layout, segments, index)
    cid, content = seal_head(ShareSecrets(file.share_secret).head_key, head, file.version)
    return Made(PartKind.HEAD, 0, (cid,), (content,))


def _made(kind: PartKind, number: int, sealed: bytes) -> Made:
    contents = tuple(
        encode_shard(Shard(Coding.PIECE, index, payload))
        for index, payload in enumerate(coded(sealed))
    )
    return Made(kind, number, tuple(map(shard_id, contents)), contents)


def _secrets(file: StoredFile) -> FileSecrets:
    if file.content_secret is None:
        raise LocalProtocolError("only an own file is put into the mesh")
    return FileSecrets(file.content_secret)

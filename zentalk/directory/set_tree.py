"""A hash tree over a set of descriptors: equal roots are equal sets.

Spec: docs/spec/directory.md section 9. Three levels: the digests of one bucket, the hashes
of all buckets, the root. A relay's bucket follows from the first bits of its NodeId, so that
two relays that differ in a few descriptors differ in a few buckets. It knows digests only;
what is behind them was verified by others or is verified later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.ids import NodeId
from zentalk.wire.rpc_directory import DIGEST_BYTES, MAX_BUCKETS

BUCKET_SIZE: Final = 16
"""The most that one bucket holds on average: half of it costs as much in hashes of buckets
as twice of it costs in digests of buckets that changed."""

Digests = tuple[bytes, ...]


def bucket_count(relays: int) -> int:
    """Return how many buckets a set of so many relays has: a power of two."""
    count = 1
    while count < MAX_BUCKETS and count * BUCKET_SIZE < relays:
        count *= 2
    return count


def bucket_of(node_id: NodeId, count: int) -> int:
    """Return the bucket of a relay among `count`, a power of two."""
    return int.from_bytes(node_id[:2], "big") * count >> 16


def hash_bucket(digests: Digests) -> bytes:
    """Return the hash of one bucket's digests, which must be in order (20 bytes)."""
    return blake2b_256(Label.SNAPSHOT_BUCKET, *digests)[:DIGEST_BYTES]


def hash_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of all buckets (32 bytes)."""
    return blake2b_256(Label.SNAPSHOT_ROOT, *hashes)


class SetTree:
    """The tree of one set at one moment; never changes."""

    __slots__ = ("buckets", "hashes", "root", "size")

    def __init__(self, entries: Iterable[tuple[NodeId, bytes]], count: int | None = None) -> None:
        """Build it of (NodeId, digest) pairs, over `count` buckets or as many as befit them."""
        items = list(entries)
        self.size = len(items)
        count = count or bucket_count(len(items))
        filled: list[list[bytes]] = [[] for _ in range(count)]
        for node_id, digest in items:
            filled[bucket_of(node_id, count)].append(digest)
        self.buckets: tuple[Digests, ...] = tuple(tuple(sorted(bucket)) for bucket in filled)
        self.hashes: Digests = tuple(hash_bucket(bucket) for bucket in self.buckets)
        self.root = hash_root(self.hashes)

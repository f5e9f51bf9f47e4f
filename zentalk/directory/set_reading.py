"""Reads another relay's set of descriptors by asking only for what is not known yet.

Spec: docs/spec/directory.md section 9. A machine over the responses of one relay: equal roots
end it after one request; else it asks for the hashes of the buckets, the digests of those
that nobody showed before, and the descriptors that are new. What a relay lists must hash to
what it said before; it never asks, keeps or takes more than the ceiling of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from itertools import pairwise
from typing import Final

from zentalk.directory.digests import digest_of
from zentalk.directory.set_tree import (
    Digests,
    SetTree,
    bucket_count,
    bucket_of,
    hash_bucket,
    hash_root,
)
from zentalk.errors import DecodeError
from zentalk.ids import NodeId
from zentalk.wire import rpc_directory as rpc

SIDE_BY_SIDE: Final = 3
"""Readings that may go on at once: the sources of one refresh."""
LEAST_DELIVERED: Final = 0.5
"""A share of the descriptors in one request. One replaced a moment ago may be gone; a relay
that lists many and has few only wants to be asked."""


class KnownSets:
    """The sets that a reader recognizes by a hash alone; shared by the readings of one comparison.

    `own` are the digests that the reader holds, by relay; `knows` says of a digest whether its
    descriptor need not be fetched.
    """

    def __init__(self, own: Mapping[NodeId, bytes], knows: Callable[[bytes], bool]) -> None:
        self.knows = knows
        self._own = own
        self._counts: set[int] = set()
        self._readings = 0
        self._buckets: dict[bytes, Digests] = {}
        self._roots: dict[bytes, Digests] = {}

    def prepare(self, count: int) -> None:
        """Cut the reader's own set into so many buckets, as the other side does."""
        if count in self._counts:
            return
        self._counts.add(count)
        tree = SetTree(self._own.items(), count)
        self._buckets.update(zip(tree.hashes, tree.buckets, strict=True))
        self._roots[tree.root] = tree.hashes

    def share(self, digests: frozenset[bytes]) -> list[bytes]:
        """Return the digests to ask for, in an order that differs from reading to reading.

        Sources that are read beside each other, because one is slow, bring different parts.
        """
        missing = sorted(digest for digest in digests if not self.knows(digest))
        start = self._readings % SIDE_BY_SIDE * len(missing) // SIDE_BY_SIDE
        self._readings += 1
        return missing[start:] + missing[:start]

    def learn_bucket(self, hashed: bytes, digests: Digests) -> None:
        """Remember what a bucket's hash, which was checked, stands for."""
        self._buckets[hashed] = digests

    def learn_root(self, root: bytes, hashes: Digests) -> None:
        """Remember a root, which was checked, all of whose buckets are known."""
        self._roots[root] = hashes

    def bucket(self, hashed: bytes) -> Digests | None:
        """Return the digests behind a bucket's hash, None if it is unknown."""
        return self._buckets.get(hashed)

    def hashes(self, root: bytes) -> Digests | None:
        """Return the hashes of the buckets behind a root, None if it is unknown."""
        self.prepare(bucket_count(len(self._own)))
        return self._roots.get(root)


class _Stage(Enum):
    SUMMARY = auto()
    BUCKETS = auto()
    ENTRIES = auto()
    DESCRIPTORS = auto()
    DONE = auto()


class SetReading:
    """One relay's set, read request by request.

    With `only`, nothing but the bucket of that relay is read.
    """

    def __init__(self, known: KnownSets, only: NodeId | None = None) -> None:
        self.digests: frozenset[bytes] = frozenset()
        """The digests that the relay shows; filled when nothing is left to ask."""
        self._known = known
        self._only = only
        self._stage = _Stage.SUMMARY
        self._root = b""
        self._hashes: Digests = ()
        self._indexes: list[int] = []
        self._missing: list[bytes] = []
        self._batch: list[bytes] = []

    def next_call(self) -> bytes | None:
        """Return the request to send now, or None when everything is read.

        What others have told in the meantime is not asked for.
        """
        if self._stage is _Stage.SUMMARY:
            return rpc.encode_snapshot_request()
        if self._stage is _Stage.BUCKETS:
            hashes = self._known.hashes(self._root)
            if hashes is None:
                return rpc.encode_buckets_request(self._root)
            self._hashes, self._stage = hashes, _Stage.ENTRIES
        if self._stage is _Stage.ENTRIES:
            self._indexes = [index for index in self._wanted() if self._bucket(index) is None]
            if self._indexes:
                return rpc.encode_entries_request(self._root, self._indexes)
            self._list()
        if self._stage is _Stage.DESCRIPTORS:
            self._missing = [digest for digest in self._missing if not self._known.knows(digest)]
            self._batch = self._missing[: rpc.MAX_FETCHED]
            if self._batch:
                return rpc.encode_descriptors_request(self._batch)
            self._stage = _Stage.DONE
        return None

    def take(self, body: bytes) -> list[bytes]:
        """Take the response to `next_call`; returns descriptors, raw and unverified.

        Raises RefusedError, or DecodeError if the response contradicts what the relay said
        before or was not asked for.
        """
        if self._stage is _Stage.SUMMARY:
            return self._take_summary(body)
        if self._stage is _Stage.BUCKETS:
            self._take_buckets(rpc.decode_buckets_response(body))
        elif self._stage is _Stage.ENTRIES:
            self._take_entries(rpc.decode_entries_response(body, len(self._indexes)))
        elif self._stage is _Stage.DESCRIPTORS:
            return self._take_descriptors(rpc.decode_descriptors_response(body, len(self._batch)))
        return []

    def _take_summary(self, body: bytes) -> list[bytes]:
        self._root, whole = rpc.decode_snapshot_response(body)
        self._stage = _Stage.BUCKETS if self._root else _Stage.DONE
        self.digests = frozenset(map(digest_of, whole))
        return whole

    def _take_buckets(self, hashes: list[bytes]) -> None:
        count = len(hashes)
        if not count or count & (count - 1) or hash_root(hashes) != self._root:
            raise DecodeError("the buckets of a snapshot do not make up its root")
        self._known.prepare(count)
        self._hashes, self._stage = tuple(hashes), _Stage.ENTRIES

    def _take_entries(self, buckets: list[Digests]) -> None:
        for index, digests in zip(self._indexes, buckets, strict=True):
            in_order = all(left < right for left, right in pairwise(digests))
            if not in_order or hash_bucket(digests) != self._hashes[index]:
                raise DecodeError("the entries of a bucket do not make up its hash")
        for index, digests in zip(self._indexes, buckets, strict=True):
            self._known.learn_bucket(self._hashes[index], digests)

    def _list(self) -> None:
        """All digests are known now: note them, and which descriptors are still to be asked for."""
        buckets = [self._bucket(index) or () for index in self._wanted()]
        if sum(map(len, buckets)) > rpc.MAX_SNAPSHOT:
            raise DecodeError("a snapshot lists more relays than a network may have")
        if self._only is None:
            self._known.learn_root(self._root, self._hashes)
        self.digests = frozenset(digest for bucket in buckets for digest in bucket)
        self._missing = self._known.share(self.digests)
        self._stage = _Stage.DESCRIPTORS

    def _take_descriptors(self, raws: list[bytes]) -> list[bytes]:
        asked, delivered = set(self._batch), {digest_of(raw) for raw in raws}
        if len(delivered) != len(raws) or not delivered <= asked:
            raise DecodeError("a response holds descriptors that were not asked for")
        if len(raws) < LEAST_DELIVERED * len(asked):
            raise DecodeError("a snapshot lists descriptors that its relay does not have")
        self._missing = [digest for digest in self._missing if digest not in asked]
        return raws

    def _wanted(self) -> list[int]:
        if self._only is None:
            return list(range(len(self._hashes)))
        return [bucket_of(self._only, len(self._hashes))]

    def _bucket(self, index: int) -> Digests | None:
        return self._known.bucket(self._hashes[index])

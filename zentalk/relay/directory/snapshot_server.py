"""Answers requests about this relay's set of descriptors: whole, or by its hash tree.

Spec: docs/spec/directory.md section 9. Requests of one reader must meet one tree although
gossip goes on, so trees that were shown are kept for a minute. It answers from the verified
set only, with at most what was asked for, and never notes who asks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.set_tree import SetTree
from zentalk.errors import RefusedError
from zentalk.ids import Epoch, epoch_at
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.peers import Neighbour
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields

KEPT_SECONDS: Final = 60.0
KEPT_RELAYS: Final = 40 * rpc.MAX_SNAPSHOT
"""The most that all trees kept hold together: about 4 MiB, and 40 of the largest."""
FRESH_SECONDS_PER_RELAY: Final = 1e-4
"""A tree is shown for so long although the set has changed: a second where it is large, so
that building it stays a small share of the time."""


class SnapshotServer:
    """The four requests of a reader, and the trees shown lately."""

    def __init__(self, runtime: Runtime, descriptors: DescriptorSet) -> None:
        self._runtime = runtime
        self._descriptors = descriptors
        self._trees: OrderedDict[bytes, tuple[SetTree, float]] = OrderedDict()
        self._held = 0
        self._latest: SetTree | None = None
        self._built_at = 0.0
        self._state: tuple[int, Epoch] = (-1, Epoch(0))

    async def snapshot(self, _connection: Neighbour, fields: Fields) -> bytes:
        """Answer with the whole set if it is small, or with the root of its tree."""
        rpc.decode_snapshot_request(fields)
        if len(self._descriptors) <= rpc.MAX_WHOLE:
            live = self._descriptors.live(self._runtime.wall())
            return rpc.encode_snapshot_response(b"", [item.raw for item in live])
        return rpc.encode_snapshot_response(self._tree().root)

    async def buckets(self, _connection: Neighbour, fields: Fields) -> bytes:
        """Answer with the hashes of all buckets under a root that was shown."""
        return rpc.encode_buckets_response(self._shown(rpc.decode_buckets_request(fields)).hashes)

    async def entries(self, _connection: Neighbour, fields: Fields) -> bytes:
        """Answer with the digests in some buckets under a root that was shown."""
        root, wanted = rpc.decode_entries_request(fields)
        buckets = self._shown(root).buckets
        if wanted and wanted[-1] >= len(buckets):
            raise RefusedError("unknown")
        return rpc.encode_entries_response(buckets[index] for index in wanted)

    async def descriptors(self, _connection: Neighbour, fields: Fields) -> bytes:
        """Answer with the descriptors behind some digests, as far as they are held."""
        now = self._runtime.wall()
        digests = rpc.decode_descriptors_request(fields)
        found = (self._descriptors.find(digest, now) for digest in digests)
        return rpc.encode_descriptors_response(item.raw for item in found if item is not None)

    def _shown(self, root: bytes) -> SetTree:
        """Return a tree shown a moment ago; raises RefusedError if it is gone."""
        kept = self._trees.get(root)
        if kept is None:
            raise RefusedError("gone")
        return kept[0]

    def _tree(self) -> SetTree:
        """Return the tree of the set as it is, or was a moment ago."""
        now, wall = self._runtime.monotonic(), self._runtime.wall()
        state = (self._descriptors.generation, epoch_at(wall))
        latest = self._latest
        if latest is not None:
            fresh = now - self._built_at < FRESH_SECONDS_PER_RELAY * latest.size
            if state == self._state or (fresh and state[1] == self._state[1]):
                self._keep(latest, now)
                return latest
        tree = SetTree(self._descriptors.digests(wall).items())
        self._latest, self._built_at, self._state = tree, now, state
        self._keep(tree, now)
        return tree

    def _keep(self, tree: SetTree, now: float) -> None:
        """Keep a tree that is being shown, and let go of those shown long ago."""
        if tree.root not in self._trees:
            self._held += tree.size
        self._trees[tree.root] = (tree, now)
        self._trees.move_to_end(tree.root)
        while len(self._trees) > 1:
            oldest, shown_at = next(iter(self._trees.values()))
            if self._held <= KEPT_RELAYS and now - shown_at <= KEPT_SECONDS:
                return
            self._trees.popitem(last=False)
            self._held -= oldest.size

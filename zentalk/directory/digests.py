"""Digests of descriptors: by them sets are compared, and each descriptor is verified once.

Spec: docs/spec/directory.md sections 3 and 9. Gossip brings the same descriptor from many
sides; a hash costs a hundredth of a signature. Only digests are kept, the oldest are
forgotten first, and forgetting costs one more verification, never a wrong answer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.ids import NodeId
from zentalk.wire.rpc_directory import DIGEST_BYTES

CAPACITY: Final = 65_536


def digest_of(raw: bytes) -> bytes:
    """Return what stands for a descriptor when sets are compared (20 bytes).

    Identity, epoch and boot are in the hashed bytes, and the signature. Two descriptors
    with one digest would take about 2^80 signatures to find.
    """
    return blake2b_256(Label.DESCRIPTOR_DIGEST, raw)[:DIGEST_BYTES]


class DigestCache:
    """The relays that signed verified descriptors, by digest; bounded."""

    __slots__ = ("_capacity", "_digests")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._digests: OrderedDict[bytes, NodeId] = OrderedDict()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, raw: bytes) -> bool:
        return digest_of(raw) in self._digests

    def node_of(self, digest: bytes) -> NodeId | None:
        """Return the relay that signed what `digest` stands for.

        None if it was not seen or is forgotten.
        """
        return self._digests.get(digest)

    def add(self, raw: bytes, node_id: NodeId) -> None:
        """Remember that `raw` was verified."""
        self._digests[digest_of(raw)] = node_id
        if len(self._digests) > self._capacity:
            self._digests.popitem(last=False)

    def discard(self, raw: bytes) -> None:
        """Forget `raw`: it will be verified again."""
        self._digests.pop(digest_of(raw), None)

"""Remembers whose descriptor some bytes are, so that each is decoded and verified once.

Gossip brings the same descriptor from many sides; a hash costs a hundredth of a
signature. Only digests are kept, the oldest are forgotten first, and forgetting costs one
more verification, never a wrong answer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.ids import NodeId

CAPACITY: Final = 65_536
_DIGEST_BYTES: Final = 16


class DigestCache:
    """Whose verified bytes a digest stands for; bounded."""

    __slots__ = ("_capacity", "_digests")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._digests: OrderedDict[bytes, NodeId] = OrderedDict()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, raw: bytes) -> bool:
        return _digest(raw) in self._digests

    def node_of(self, raw: bytes) -> NodeId | None:
        """Return the relay that signed `raw`, or None if it was not seen or is forgotten."""
        return self._digests.get(_digest(raw))

    def add(self, raw: bytes, node_id: NodeId) -> None:
        """Remember that `raw` was verified."""
        self._digests[_digest(raw)] = node_id
        if len(self._digests) > self._capacity:
            self._digests.popitem(last=False)

    def discard(self, raw: bytes) -> None:
        """Forget `raw`: it will be verified again."""
        self._digests.pop(_digest(raw), None)


def _digest(raw: bytes) -> bytes:
    return blake2b_256(Label.DESCRIPTOR_SEEN, raw)[:_DIGEST_BYTES]

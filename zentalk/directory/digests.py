"""Remembers which descriptor bytes were handled before, so that each is verified once.

Gossip brings the same descriptor from many sides; a hash costs a hundredth of a
signature. Only digests are kept, the oldest are forgotten first, and forgetting costs one
more verification, never a wrong answer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label

CAPACITY: Final = 65_536
_DIGEST_BYTES: Final = 16


class DigestCache:
    """A bounded set of digests."""

    __slots__ = ("_capacity", "_digests")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, raw: bytes) -> bool:
        return _digest(raw) in self._digests

    def add(self, raw: bytes) -> None:
        """Remember `raw` as handled."""
        self._digests[_digest(raw)] = None
        if len(self._digests) > self._capacity:
            self._digests.popitem(last=False)

    def discard(self, raw: bytes) -> None:
        """Forget `raw`: it will be verified again."""
        self._digests.pop(_digest(raw), None)


def _digest(raw: bytes) -> bytes:
    return blake2b_256(Label.DESCRIPTOR_SEEN, raw)[:_DIGEST_BYTES]

"""Nonces for HTTP proofs: made without being kept, taken once, for a minute.

A nonce is its time and some random bytes under a keyed hash, so asking for many costs no
memory. Only those that a valid proof has used are remembered, until their minute is over.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.crypto.hashing import equal, salted_digests
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.mailbox.http_proof import NONCE_BYTES

LIFE_SECONDS: Final = 60.0
MAX_SPENT: Final = 65_536
_TIME_BYTES: Final = 6
_RANDOM_BYTES: Final = 10
_MAC_BYTES: Final = NONCE_BYTES - _TIME_BYTES - _RANDOM_BYTES
_KEY_BYTES: Final = 32
_MS: Final = 1000


class Nonces:
    """The nonces of one life of a relay; times are monotonic seconds."""

    __slots__ = ("_entropy", "_mac", "_spent")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._mac = salted_digests(Label.HTTP_NONCE, entropy(_KEY_BYTES), _MAC_BYTES)
        self._spent: OrderedDict[bytes, float] = OrderedDict()

    def make(self, now: float) -> bytes:
        """Return a fresh nonce."""
        data = round(now * _MS).to_bytes(_TIME_BYTES, "big") + self._entropy(_RANDOM_BYTES)
        return data + self._mac(data)

    def is_fresh(self, nonce: bytes, now: float) -> bool:
        """Say whether we made a nonce within the last minute, and nobody has used it."""
        data, mac = nonce[:-_MAC_BYTES], nonce[-_MAC_BYTES:]
        if len(nonce) != NONCE_BYTES or not equal(mac, self._mac(data)):
            return False
        made_at = int.from_bytes(data[:_TIME_BYTES], "big") / _MS
        return now - made_at <= LIFE_SECONDS and nonce not in self._spent

    def spend(self, nonce: bytes, now: float) -> bool:
        """Take a fresh nonce out of use; False if so many were used that it cannot be noted."""
        while self._spent and next(iter(self._spent.values())) < now - LIFE_SECONDS:
            self._spent.popitem(last=False)
        if len(self._spent) >= MAX_SPENT:
            return False
        self._spent[nonce] = now
        return True

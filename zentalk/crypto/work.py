"""Proof of work: a number that makes a labelled hash begin with many zero bits.

Plain hashing, no memory-hard function: checking costs one hash of a relay that is being
flooded, and whoever has faster hardware finds faster. A search never runs unbounded.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from zentalk.crypto.labels import Label

NONCE_BYTES: Final = 8
_DIGEST_BYTES: Final = 32
_DIGEST_BITS: Final = 8 * _DIGEST_BYTES


def work_bits(label: Label, challenge: bytes, nonce: bytes) -> int:
    """Return how many zero bits BLAKE2b-256(label || challenge || nonce) begins with."""
    digest = blake2b(b"".join((label, challenge, nonce)), digest_size=_DIGEST_BYTES).digest()
    return _DIGEST_BITS - int.from_bytes(digest, "big").bit_length()


def find_work(label: Label, challenge: bytes, bits: int, start: int, tries: int) -> bytes | None:
    """Try `tries` nonces from number `start` on; return one worth `bits`, None if none is.

    Takes 2^bits tries on average, most of a microsecond each (`python -m benchmarks work`). A
    try holds the interpreter's lock, so a thread keeps the program responsive and no more.
    """
    if bits <= 0:
        return start.to_bytes(NONCE_BYTES, "big")
    # Copying what is common to all tries costs less than hashing it again.
    copy = blake2b(label + challenge, digest_size=_DIGEST_BYTES).copy
    bound = (1 << (_DIGEST_BITS - bits)).to_bytes(_DIGEST_BYTES, "big")
    for number in range(start, start + tries):
        nonce = number.to_bytes(NONCE_BYTES, "big")
        attempt = copy()
        attempt.update(nonce)
        if attempt.digest() < bound:
            return nonce
    return None

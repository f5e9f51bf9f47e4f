"""Hashes and key derivation: SHAKE256 and BLAKE2b, always behind a label.

Parts are joined as they are, so at most one part of a call may have a variable length
and it must come last; callers with several frame them first.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from hashlib import blake2b, shake_256
from hashlib import sha256 as _sha256

from zentalk.crypto.labels import Label
from zentalk.crypto.types import Secret


def blake2b_256(label: Label, *parts: bytes) -> bytes:
    """Return the 32-byte BLAKE2b hash of label and parts."""
    return blake2b(b"".join((label, *parts)), digest_size=32).digest()


def derive(label: Label, *parts: bytes, length: int = 32) -> Secret:
    """Return `length` bytes of SHAKE256(label || parts): key derivation for secrets."""
    return Secret(shake_256(b"".join((label, *parts))).digest(length))


def derive_each(label: Label, inputs: Sequence[Sequence[bytes]], length: int) -> list[Secret]:
    """Return what `derive` returns for the parts of each input."""
    return [derive(label, *parts, length=length) for parts in inputs]


def fast_derivation(label: Label, length: int) -> Callable[[bytes], bytes]:
    """Return a function that gives `length` (up to 64) bytes of BLAKE2b(label || secret).

    It costs a third of `derive`: the label is hashed once. The length is part of the hash's
    parameters, so that outputs of two lengths have nothing in common. The caller splits the
    result and wraps the parts in `Secret`.
    """
    labelled = blake2b(label, digest_size=length)

    def derive_fast(secret: bytes) -> bytes:
        state = labelled.copy()
        state.update(secret)
        return state.digest()

    return derive_fast


def salted_digests(label: Label, salt: bytes, length: int) -> Callable[[bytes], bytes]:
    """Return a function that gives `length` (up to 64) bytes of a hash nobody else can foresee.

    BLAKE2b with the secret salt (up to 64 bytes) as its key, after the label.
    """
    keyed = blake2b(label, digest_size=length, key=salt)

    def digest(data: bytes) -> bytes:
        state = keyed.copy()
        state.update(data)
        return state.digest()

    return digest


def sha256(data: bytes) -> bytes:
    """Return the plain SHA-256 of `data` (content addressing only)."""
    return _sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """Return HMAC-SHA-256 (RFC 2104), which programs of others can check: no label."""
    return hmac.digest(key, data, "sha256")


def hkdf_sha256(salt: bytes, secret: bytes, info: bytes, length: int) -> Secret:
    """Return up to 32 bytes of HKDF-SHA-256 (RFC 5869), which programs of others use: no label."""
    return Secret(hmac_sha256(hmac_sha256(salt, secret), info + b"\x01")[:length])


def equal(left: bytes, right: bytes) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left, right)

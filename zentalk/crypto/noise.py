"""The two pieces of cryptography that only the Noise framework asks for.

HKDF over HMAC-BLAKE2b (Noise specification, revision 34, section 4.3) and
ChaCha20-Poly1305 under a counter nonce (sections 5.1 and 12.3). A `CounterCipher`
must never be copied: two copies would use one nonce twice.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from zentalk.crypto.types import Secret
from zentalk.errors import AuthenticationError, LocalProtocolError

HASH_BYTES: Final = 64
KEY_BYTES: Final = 32
_LAST_COUNTER: Final = 2**64 - 2
"""Noise reserves the highest counter for rekeying, which links do not use."""


def noise_hash(*parts: bytes) -> bytes:
    """Return the 64-byte BLAKE2b hash of the joined parts."""
    return hashlib.blake2b(b"".join(parts)).digest()


def hkdf_pair(chaining_key: bytes, material: bytes) -> tuple[Secret, Secret]:
    """Return two 64-byte outputs of HKDF(chaining key, input key material)."""
    extracted = hmac.digest(chaining_key, material, hashlib.blake2b)
    first = hmac.digest(extracted, b"\x01", hashlib.blake2b)
    second = hmac.digest(extracted, first + b"\x02", hashlib.blake2b)
    return Secret(first), Secret(second)


class CounterCipher:
    """One direction of a link: a 32-byte key and the number of messages so far."""

    __slots__ = ("_aead", "_counter")

    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self._counter = 0

    def __repr__(self) -> str:
        return f"<cipher, {self._counter} messages>"

    def seal(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return ciphertext || 16-byte tag and count one message."""
        sealed = self._aead.encrypt(self._nonce(), plaintext, aad)
        self._counter += 1
        return sealed

    def open(self, sealed: bytes | memoryview, aad: bytes = b"") -> bytes:
        """Return the plaintext and count one message.

        Raises AuthenticationError, and counts nothing, if it does not open: it was
        changed, repeated, reordered or sealed with another key.
        """
        try:
            plaintext = self._aead.decrypt(self._nonce(), sealed, aad)
        except (InvalidTag, ValueError):
            raise AuthenticationError("a link record does not open") from None
        self._counter += 1
        return plaintext

    def _nonce(self) -> bytes:
        if self._counter > _LAST_COUNTER:
            raise LocalProtocolError("a link key has sealed all the records it may")
        return b"\0\0\0\0" + self._counter.to_bytes(8, "little")

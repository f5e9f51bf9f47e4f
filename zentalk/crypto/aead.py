"""The two AEADs: ChaCha20-Poly1305 (RFC 8439) and AES-GCM (NIST SP 800-38D).

Keys are 32 bytes; AES-GCM also takes the 16 bytes that Web Push prescribes (RFC 8188).

Both append a 16-byte tag. Callers own nonce uniqueness; the zero nonce is only right
for a key that seals once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from zentalk.crypto.types import Secret
from zentalk.errors import AuthenticationError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
ZERO_NONCE: Final = bytes(NONCE_BYTES)
_BLOCK_BYTES: Final = 64

ChachaSeal: TypeAlias = Callable[[bytes, bytes, bytes], bytes]
"""Takes nonce, plaintext and aad; returns ciphertext || 16-byte tag."""


def chacha_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """Return ciphertext || 16-byte tag."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def chacha_seals(keys: Sequence[bytes]) -> list[ChachaSeal]:
    """Return for each key the function that seals as `chacha_seal` does."""
    return [ChaCha20Poly1305(key).encrypt for key in keys]


def chacha_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
    """Return the plaintext of ciphertext || tag.

    Raises AuthenticationError if key, nonce, data or aad do not belong together.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise AuthenticationError("sealed data does not open with this key") from None


def aes_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """Return ciphertext || 16-byte tag."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def aes_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes = b"") -> bytes:
    """Return the plaintext of ciphertext || tag.

    Raises AuthenticationError if key, nonce, data or aad do not belong together.
    """
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise AuthenticationError("sealed data does not open with this key") from None


class AesKey:
    """An AES-256-GCM key that seals or opens often: its schedule is computed once.

    `seal(nonce, plaintext, aad)` returns ciphertext || 16-byte tag, as `aes_seal` does.
    """

    __slots__ = ("_cipher", "seal", "secret")

    def __init__(self, secret: bytes) -> None:
        self.secret = Secret(secret)
        self._cipher = AESGCM(secret)
        self.seal = self._cipher.encrypt

    def __repr__(self) -> str:
        return "<AES key>"

    def open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext; raises AuthenticationError as `aes_open` does."""
        try:
            return self._cipher.decrypt(nonce, sealed, aad)
        except (InvalidTag, ValueError):
            raise AuthenticationError("sealed data does not open with this key") from None


def chacha_xor(key: bytes, data: bytes, skip: int = 0) -> bytes:
    """Return `data` xor the keystream that `chacha_seal(key, ZERO_NONCE, ..)` uses after `skip`.

    RFC 8439 section 2.8: the body starts at block counter 1.
    """
    block, within = divmod(skip, _BLOCK_BYTES)
    start = (1 + block).to_bytes(4, "little") + ZERO_NONCE
    encryptor = Cipher(algorithms.ChaCha20(key, start), mode=None).encryptor()
    return encryptor.update(bytes(within) + data)[within:]


def chacha_xor_in_turn(data: bytes, steps: Iterable[tuple[bytes, bytes]], end: int) -> bytes:
    """Let each step xor the data with the keystream of its key, and then append its bytes.

    The data always lies at the end of the first `end` bytes that the key encrypts.
    """
    for key, appended in steps:
        if data:
            data = chacha_xor(key, data, end - len(data))
        data += appended
    return data

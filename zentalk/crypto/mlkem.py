"""ML-KEM-768 (FIPS 203) on plain byte strings.

Encapsulation draws its randomness inside the library, which offers no seeded form:
the one place where bytes do not depend on the injected entropy alone. Nothing may
branch on or sort by those bytes, so that simulated runs stay repeatable.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import mlkem

from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError

SEED_BYTES: Final = 64
PUBLIC_BYTES: Final = 1184
CIPHERTEXT_BYTES: Final = 1088
SHARED_BYTES: Final = 32


class KemKeyPair(NamedTuple):
    """The 64-byte seed to keep and the 1,184-byte public key to publish."""

    seed: Secret
    public: bytes


class EphemeralKey:
    """A key pair that is used once and never stored; `repr` shows nothing of it.

    It is expanded from its 64 bytes of entropy once; from a stored seed that is done at each use.
    """

    __slots__ = ("_key", "public")

    def __init__(self, entropy: Entropy) -> None:
        self._key = mlkem.MLKEM768PrivateKey.from_seed_bytes(entropy(SEED_BYTES))
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return "<ephemeral ML-KEM key>"

    def decapsulate(self, ciphertext: bytes) -> Secret:
        """Return the 32-byte shared secret; raises as the function of that name."""
        return _decapsulate(self._key, ciphertext)


class Encapsulated(NamedTuple):
    """A 32-byte shared secret and the 1,088-byte ciphertext that carries it."""

    shared: Secret
    ciphertext: bytes


def generate(entropy: Entropy) -> KemKeyPair:
    """Make a key pair from 64 bytes of entropy."""
    seed = Secret(entropy(SEED_BYTES))
    return KemKeyPair(seed, public_of(seed))


def public_of(seed: bytes) -> bytes:
    """Return the 1,184-byte public key of a seed."""
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def encapsulate(public: bytes) -> Encapsulated:
    """Make a shared secret for the owner of `public`.

    Raises AuthenticationError if `public` is not an encoded ML-KEM-768 key.
    """
    try:
        key = mlkem.MLKEM768PublicKey.from_public_bytes(public)
    except (ValueError, TypeError):
        raise AuthenticationError("a public ML-KEM key is malformed") from None
    shared, ciphertext = key.encapsulate()
    return Encapsulated(Secret(shared), ciphertext)


def decapsulate(seed: bytes, ciphertext: bytes) -> Secret:
    """Return the 32-byte shared secret (a wrong ciphertext gives an unrelated one).

    Raises AuthenticationError if `ciphertext` has the wrong length.
    """
    return _decapsulate(mlkem.MLKEM768PrivateKey.from_seed_bytes(seed), ciphertext)


def _decapsulate(key: mlkem.MLKEM768PrivateKey, ciphertext: bytes) -> Secret:
    if len(ciphertext) != CIPHERTEXT_BYTES:
        raise AuthenticationError("an ML-KEM ciphertext has the wrong length")
    return Secret(key.decapsulate(ciphertext))

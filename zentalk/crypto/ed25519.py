"""Ed25519 signatures (RFC 8032) and their conversion to X25519, through libsodium.

A signature always covers a label and the data, so that one made for one purpose can
never be shown for another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy, Secret
from zentalk.crypto.x25519 import KeyPair
from zentalk.errors import AuthenticationError

PUBLIC_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_CONVERTED_KEPT: Final = 1024
"""Public keys whose conversion is remembered: the same relays are dialled again and again."""


class SigningKey:
    """An Ed25519 secret key; `repr` shows nothing of it.

    `seed` is the 32 bytes to store, `public` the 32-byte key to publish.
    """

    __slots__ = ("_expanded", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        public, expanded = bindings.crypto_sign_seed_keypair(seed)
        self.seed = Secret(seed)
        self.public: bytes = public
        self._expanded = Secret(expanded)

    def __repr__(self) -> str:
        return "<signing key>"

    @classmethod
    def generate(cls, entropy: Entropy) -> SigningKey:
        """Make a key from 32 bytes of entropy."""
        return cls(entropy(SEED_BYTES))

    def sign(self, label: Label, data: bytes) -> bytes:
        """Return the 64-byte signature over label || data."""
        return bindings.crypto_sign(label.value + data, self._expanded)[:SIGNATURE_BYTES]

    def to_x25519(self) -> KeyPair:
        """Return the X25519 pair of this identity (libsodium's conversion)."""
        secret = bindings.crypto_sign_ed25519_sk_to_curve25519(self._expanded)
        return KeyPair(Secret(secret), bindings.crypto_scalarmult_base(secret))


def verify(public: bytes, label: Label, data: bytes, signature: bytes) -> None:
    """Check a signature over label || data.

    Raises AuthenticationError if it does not verify or anything is malformed.
    """
    if len(signature) != SIGNATURE_BYTES or len(public) != PUBLIC_BYTES:
        raise AuthenticationError("a signature or its key has the wrong length")
    try:
        bindings.crypto_sign_open(signature + label.value + data, public)
    except (CryptoError, ValueError):
        raise AuthenticationError("a signature does not verify") from None


@lru_cache(maxsize=_CONVERTED_KEPT)
def to_x25519_public(public: bytes) -> bytes:
    """Convert a 32-byte Ed25519 public key to its X25519 form.

    Raises AuthenticationError if it is not a point of the main subgroup.
    """
    try:
        return bindings.crypto_sign_ed25519_pk_to_curve25519(public)
    except (CryptoError, ValueError, RuntimeError):
        raise AuthenticationError("an identity key is not a valid Ed25519 point") from None

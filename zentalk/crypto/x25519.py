"""X25519 (RFC 7748) on plain 32-byte strings, through libsodium.

An all-zero shared secret, which a low-order public key forces, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from nacl import bindings
from nacl.exceptions import CryptoError

from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError

KEY_BYTES: Final = 32


class KeyPair(NamedTuple):
    """An X25519 key pair; both halves are 32 bytes."""

    secret: Secret
    public: bytes


def generate(entropy: Entropy) -> KeyPair:
    """Make a key pair from 32 bytes of entropy."""
    return from_secret(entropy(KEY_BYTES))


def from_secret(secret: bytes) -> KeyPair:
    """Make the key pair of a 32-byte secret scalar (clamped by the ladder)."""
    return KeyPair(Secret(secret), bindings.crypto_scalarmult_base(secret))


def fresh_exchange(public: bytes, entropy: Entropy) -> tuple[KeyPair, Secret]:
    """Make a key pair from 32 bytes of entropy; return it and what it shares with `public`.

    Raises AuthenticationError as `exchange` does.
    """
    own = generate(entropy)
    return own, exchange(own.secret, public)


def encapsulate(publics: Sequence[bytes], entropy: Entropy) -> list[tuple[bytes, Secret]]:
    """Return (ephemeral public key, shared secret) for each of `publics`, 32 bytes each.

    Takes 32 bytes of entropy per key, in order; no ephemeral secret outlives the call. Raises
    AuthenticationError as `exchange` does.
    """
    pairs = []
    for public in publics:
        secret = entropy(KEY_BYTES)
        pairs.append((bindings.crypto_scalarmult_base(secret), exchange(secret, public)))
    return pairs


def exchange(secret: bytes, public: bytes) -> Secret:
    """Return the 32-byte shared secret.

    Raises AuthenticationError if `public` is of low order or not 32 bytes long.
    """
    try:
        return Secret(bindings.crypto_scalarmult(secret, public))
    except (CryptoError, ValueError, TypeError):
        raise AuthenticationError("the peer's X25519 key is not usable") from None

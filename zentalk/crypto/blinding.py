"""Ed25519 keys blinded per day, as Tor's v3 onion services do (rend-spec-v3, appendix A).

A blinded key verifies with plain Ed25519 but cannot be linked to the identity by
anyone who does not know the identity. Two things must never happen here: a signing
nonce used under two blinded keys (it gives the identity key away, so the nonce covers
the blinded key and fresh randomness), and a blinded scalar shown to anyone (with the
public factor it is the identity scalar).
"""

from __future__ import annotations

import hashlib
from typing import Final

from nacl import bindings

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError

_FACTOR_BYTES: Final = 32
_DAY_BYTES: Final = 8


def blinding_factor(identity: bytes, day: int) -> bytes:
    """Return the clamped 32-byte factor of an identity on a day."""
    text = Label.RECORD_BLIND.value + identity + day.to_bytes(_DAY_BYTES, "big")
    return clamp(hashlib.sha512(text).digest()[:_FACTOR_BYTES])


def clamp(factor: bytes) -> bytes:
    """Clear and set the bits that Ed25519 scalars have cleared and set."""
    head, tail = factor[0] & 248, (factor[31] & 63) | 64
    return bytes([head]) + factor[1:31] + bytes([tail])


def blind_public(identity: bytes, factor: bytes) -> bytes:
    """Return factor * identity, a 32-byte point.

    Raises AuthenticationError if `identity` is not a valid point.
    """
    scalar = _reduce(factor)
    if not bindings.crypto_core_ed25519_is_valid_point(identity):
        raise AuthenticationError("an identity key is not a valid Ed25519 point")
    return bindings.crypto_scalarmult_ed25519_noclamp(scalar, identity)


def blinded_key(identity: bytes, day: int) -> bytes:
    """Return the public key under which `identity` is found on `day`."""
    return blind_public(identity, blinding_factor(identity, day))


class BlindedSigner:
    """Signs for one identity on one day; as secret as the identity itself."""

    __slots__ = ("_prefix", "_scalar", "public")

    def __init__(self, identity: SigningKey, day: int) -> None:
        factor = blinding_factor(identity.public, day)
        expanded = hashlib.sha512(identity.seed).digest()
        self._scalar = Secret(
            bindings.crypto_core_ed25519_scalar_mul(_reduce(factor), _reduce(clamp(expanded[:32])))
        )
        prefix = Label.RECORD_PREFIX.value + expanded[32:] + factor
        self._prefix = Secret(hashlib.sha512(prefix).digest()[:32])
        self.public = blind_public(identity.public, factor)

    def __repr__(self) -> str:
        return "<blinded signer>"

    def sign(self, label: Label, data: bytes, entropy: Entropy) -> bytes:
        """Return a 64-byte signature over label || data that plain Ed25519 verifies."""
        body = label.value + data
        nonce = _wide_reduce(
            Label.RECORD_NONCE.value + self._prefix + self.public + entropy(32) + body
        )
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = _wide_reduce(point + self.public + body)
        product = bindings.crypto_core_ed25519_scalar_mul(challenge, self._scalar)
        return point + bindings.crypto_core_ed25519_scalar_add(nonce, product)


def _reduce(scalar: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(scalar + bytes(32))


def _wide_reduce(data: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(data).digest())

"""An owner's identity, sealed under a key that only the recovery phrase gives.

Spec: docs/spec/linked-nodes.md section 3. A linked node keeps it and cannot open it. The phrase
is 128 or 256 random bits, so one derivation behind a fresh salt is enough; nothing slows down an
attacker that 2^128 tries do not stop. The layout is binary:

| offset | bytes | field |
|---|---|---|
| 0 | 1 | format |
| 1 | 32 | address of the owner |
| 33 | 32 | salt |
| 65 | 48 | sealed seed of the identity: seed 32, tag 16 |
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import aead
from zentalk.crypto.ed25519 import SEED_BYTES, SigningKey
from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy, Secret
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import USER_ADDRESS_BYTES, UserAddress

FORMAT: Final = 1
_SALT_BYTES: Final = 32
_HEADER_BYTES: Final = 1 + USER_ADDRESS_BYTES + _SALT_BYTES
SEALED_IDENTITY_BYTES: Final = _HEADER_BYTES + SEED_BYTES + aead.TAG_BYTES


def seal_identity(identity: SigningKey, phrase_secret: Secret, entropy: Entropy) -> bytes:
    """Seal an identity under the secret of a recovery phrase."""
    header = bytes([FORMAT]) + identity.public + entropy(_SALT_BYTES)
    key = _key(header, phrase_secret)
    # The salt is fresh, so the key seals once and the nonce may be zero.
    return header + aead.chacha_seal(key, aead.ZERO_NONCE, identity.seed, header)


def sealed_owner(sealed: bytes) -> UserAddress:
    """Return whose identity is said to be sealed here; raises DecodeError."""
    if len(sealed) != SEALED_IDENTITY_BYTES or sealed[0] != FORMAT:
        raise DecodeError("a sealed identity has not the size or format of this version")
    return UserAddress(sealed[1 : 1 + USER_ADDRESS_BYTES])


def open_identity(sealed: bytes, phrase_secret: Secret) -> SigningKey:
    """Open a sealed identity; raises DecodeError, or AuthenticationError for another phrase."""
    owner = sealed_owner(sealed)
    header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    identity = SigningKey(
        aead.chacha_open(_key(header, phrase_secret), aead.ZERO_NONCE, rest, header)
    )
    if identity.public != owner:
        raise AuthenticationError("a sealed identity is not of the owner it names")
    return identity


def _key(header: bytes, phrase_secret: Secret) -> Secret:
    return derive(Label.RECOVERY_SEAL, header, phrase_secret, length=aead.KEY_BYTES)

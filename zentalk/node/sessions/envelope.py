"""The outer seal of one deposited copy: it hides prekey headers and makes copies differ.

To a contact it uses the key that belongs to the send id; to a stranger the deposit key
published with the public send id. Every seal is made with fresh randomness, so two
copies of one message at two relays share no bytes. Spec: docs/spec/end-to-end.md
section 5.
"""

from __future__ import annotations

from zentalk.crypto import aead, x25519
from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError
from zentalk.wire.inner import SEAL_FRONT_BYTES, SEAL_OVERHEAD_BYTES


def seal_to_contact(outer_key: bytes, inner: bytes, entropy: Entropy) -> bytes:
    """Seal under a contact's 32-byte key and a fresh salt."""
    salt = entropy(SEAL_FRONT_BYTES)
    key = derive(Label.DEPOSIT_OUTER, outer_key, salt)
    return salt + aead.chacha_seal(key, aead.ZERO_NONCE, inner)


def open_from_contact(outer_key: bytes, envelope: bytes) -> bytes:
    """Open what `seal_to_contact` made; raises AuthenticationError."""
    key = derive(Label.DEPOSIT_OUTER, outer_key, envelope[:SEAL_FRONT_BYTES])
    return aead.chacha_open(key, aead.ZERO_NONCE, envelope[SEAL_FRONT_BYTES:])


def seal_to_public(deposit_key: bytes, inner: bytes, entropy: Entropy) -> bytes:
    """Seal to a published X25519 deposit key with a fresh ephemeral key.

    Raises AuthenticationError if `deposit_key` is not usable.
    """
    ephemeral = x25519.generate(entropy)
    shared = x25519.exchange(ephemeral.secret, deposit_key)
    key = derive(Label.DEPOSIT_SEAL, shared, ephemeral.public, deposit_key)
    return ephemeral.public + aead.chacha_seal(key, aead.ZERO_NONCE, inner)


def open_from_public(deposit_secret: bytes, envelope: bytes) -> bytes:
    """Open what `seal_to_public` made; raises AuthenticationError."""
    if len(envelope) < SEAL_OVERHEAD_BYTES:
        raise AuthenticationError("an envelope is too short")
    own = x25519.from_secret(deposit_secret)
    front = envelope[:SEAL_FRONT_BYTES]
    key = derive(Label.DEPOSIT_SEAL, x25519.exchange(own.secret, front), front, own.public)
    return aead.chacha_open(key, aead.ZERO_NONCE, envelope[SEAL_FRONT_BYTES:])

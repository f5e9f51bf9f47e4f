"""The key schedule: root steps, chain steps, the keys of one envelope (spec: end-to-end).

Every function is one hash behind its own label: BLAKE2b for what every envelope does,
SHAKE256 for the rest. Nothing here knows of messages or keeps a key; a caller that
forgets an input forgets it for good.

    root  ---root_step(DH, KEM secret or nothing)--->  root'  | chain | next header key
    chain ---chain_step----------------------------->  chain' | message key
    message key ---body_key(16 random bytes)-------->  AEAD key | nonce

Source: Signal's Double Ratchet specification, sections 3 and 4 (KDF_RK_HE, KDF_CK).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.crypto.aead import KEY_BYTES, NONCE_BYTES
from zentalk.crypto.hashing import derive, fast_derivation
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Secret

SALT_BYTES: Final = 16
"""Fresh random bytes in each envelope: a rolled-back state never repeats a key stream."""
_derive_chain = fast_derivation(Label.RATCHET_CHAIN, 64)
_derive_body = fast_derivation(Label.RATCHET_MESSAGE, KEY_BYTES + NONCE_BYTES)


class RootStep(NamedTuple):
    """The result of one Diffie-Hellman step; `header_key` is for the chain after this one."""

    root: Secret
    chain: Secret
    header_key: Secret


def root_step(root: bytes, shared: bytes, kem_secret: bytes) -> RootStep:
    """Mix a 32-byte exchange, and a 32-byte KEM secret or b"", into the root."""
    out = derive(Label.RATCHET_ROOT, root, shared, kem_secret, length=96)
    return RootStep(Secret(out[:32]), Secret(out[32:64]), Secret(out[64:]))


def chain_step(chain: bytes) -> tuple[Secret, Secret]:
    """Advance a chain by one envelope; return the chain after it and the message key."""
    out = _derive_chain(chain)
    return Secret(out[:32]), Secret(out[32:])


def body_key(message_key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return AEAD key and nonce of one envelope."""
    out = _derive_body(message_key + salt)
    return out[:KEY_BYTES], out[KEY_BYTES:]


def next_body_key(chain: bytes, salt: bytes) -> tuple[Secret, bytes, bytes]:
    """Do `chain_step` and `body_key` at once, as nearly every envelope needs it.

    Return the chain after the step, AEAD key and nonce; the message key is not kept.
    """
    step = _derive_chain(chain)
    out = _derive_body(step[32:] + salt)
    return Secret(step[:32]), out[:KEY_BYTES], out[KEY_BYTES:]


def first_header_keys(root: bytes) -> tuple[Secret, Secret]:
    """Return the header keys of the initiator's and of the responder's first chain."""
    out = derive(Label.RATCHET_HEADER, root, length=64)
    return Secret(out[:32]), Secret(out[32:])


def epoch_secret(epoch: int, shared: bytes, ciphertext: bytes, key: bytes) -> Secret:
    """Return what enters the root for a PQ epoch, bound to the KEM key and ciphertext used."""
    return derive(Label.RATCHET_PQ, epoch.to_bytes(4, "big"), shared, ciphertext, key)

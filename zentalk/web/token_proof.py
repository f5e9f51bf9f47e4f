"""A server proves that it knows a client's token, before the client shows the token.

After a crash the port that a node had noted may be a stranger's. So the client first sends a
random nonce and the name of its token's key, and the server answers with a keyed hash over the
nonce and the port on which it was asked. A stranger cannot make that hash, and one who passes the
nonce on to the real node gets a hash for the node's port, which is another. Neither side learns
anything of the token that it did not know.

    key   = BLAKE2b-256(zt-device-token-v1 || token), which is all that a node keeps of a device's
    name  = BLAKE2b-256(zt-rest-key-name-v1 || key), the first 16 bytes
    proof = BLAKE2b-256 keyed with key(zt-rest-proof-v1 || nonce || port as 2 bytes, big-endian)
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import blake2b_256, equal, salted_digests
from zentalk.crypto.labels import Label

PROOF_PATH: Final = "/v1/proof"
NONCE_BYTES: Final = 32
NAME_BYTES: Final = 16
_PROOF_BYTES: Final = 32


def key_of(token: str) -> bytes:
    """Return the 32-byte key that stands for a token."""
    return blake2b_256(Label.DEVICE_TOKEN, token.encode())


def name_of(key: bytes) -> bytes:
    """Return the 16 bytes that tell which key is meant, and nothing about it."""
    return blake2b_256(Label.REST_KEY_NAME, key)[:NAME_BYTES]


def prove(key: bytes, nonce: bytes, port: int) -> bytes:
    """Return the proof of knowing `key`, for a client that asked on `port` with a 32-byte nonce."""
    return salted_digests(Label.REST_PROOF, key, _PROOF_BYTES)(nonce + port.to_bytes(2, "big"))


def proves(proof: bytes, key: bytes, nonce: bytes, port: int) -> bool:
    """Tell, in constant time, whether a proof is that of the one who knows `key` on `port`."""
    return equal(proof, prove(key, nonce, port))

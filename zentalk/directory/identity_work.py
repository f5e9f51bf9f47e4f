"""The proof of work of relay identities, which makes chosen ids cost something.

Spec: docs/spec/directory.md section 2. A NodeId is worth as many bits as a second hash of
it has leading zeros; the work leaves the id itself uniform. With 0 bits every key will do.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.ids import NodeId
from zentalk.wire.descriptor import node_id_of

MAX_DIFFICULTY: Final = 32
_HASH_BITS: Final = 256


def work_bits(node_id: NodeId) -> int:
    """Return the number of leading zero bits that the id is worth."""
    return _HASH_BITS - int.from_bytes(blake2b_256(Label.NODE_ID_WORK, node_id), "big").bit_length()


def make_identity(difficulty: int, entropy: Entropy) -> SigningKey:
    """Draw keys until one is worth `difficulty` bits: 2^difficulty tries on average.

    Raises LocalProtocolError if the difficulty is not between 0 and 32.
    """
    if not 0 <= difficulty <= MAX_DIFFICULTY:
        raise LocalProtocolError(f"an id difficulty is between 0 and {MAX_DIFFICULTY} bits")
    while True:
        key = SigningKey.generate(entropy)
        if work_bits(node_id_of(key.public)) >= difficulty:
            return key

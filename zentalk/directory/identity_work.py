"""The proof of work of relay identities, which makes chosen ids cost something.

Spec: docs/spec/directory.md section 2. A NodeId is worth as many bits as a second hash of
it has leading zeros; the work leaves the id itself uniform. With 0 bits every key will do.
How much is asked for belongs to the network: all its relays and clients must agree.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.crypto.work import work_bits as hash_bits
from zentalk.directory.subnets import MAIN_NETWORK
from zentalk.errors import LocalProtocolError
from zentalk.ids import NodeId
from zentalk.wire.descriptor import node_id_of

MAX_DIFFICULTY: Final = 32
MAIN_DIFFICULTY: Final = 21
"""Two million keys: about a minute on one core when this was written (`benchmarks`)."""


def default_difficulty(network: str) -> int:
    """Return the bits asked for unless settings say otherwise; a network for tests asks nothing."""
    return MAIN_DIFFICULTY if network == MAIN_NETWORK else 0


def work_bits(node_id: NodeId) -> int:
    """Return the number of leading zero bits that the id is worth."""
    return hash_bits(Label.NODE_ID_WORK, node_id, b"")


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

"""Proofs that a relay signed two different descriptors for one epoch and boot.

Spec: docs/spec/directory.md section 3. A relay that shows one client a mix key of its own
recognises that client's packets, so there is exactly one descriptor per (identity, epoch,
boot). Two are a proof that anyone can check; it needs no trust in whoever reports it.
"""

from __future__ import annotations

from dataclasses import dataclass

from zentalk.errors import DecodeError
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, decode_descriptor


@dataclass(frozen=True, slots=True)
class EquivocationProof:
    """Two descriptors as received, both signed by the relay `node_id`."""

    node_id: NodeId
    first: bytes
    second: bytes


def contradicts(left: Descriptor, right: Descriptor) -> bool:
    """Say whether two verified descriptors prove equivocation of one relay."""
    same_slot = left.node_id == right.node_id and left.order == right.order
    return same_slot and left.network == right.network and left.raw != right.raw


def make_proof(left: Descriptor, right: Descriptor) -> EquivocationProof:
    """Return the proof, its halves in an order that does not depend on who found it."""
    first, second = sorted((left.raw, right.raw))
    return EquivocationProof(left.node_id, first, second)


def check_proof(first: bytes, second: bytes, network: str) -> EquivocationProof:
    """Verify a reported proof against a relay of `network`.

    Raises DecodeError or AuthenticationError if it proves nothing.
    """
    left, right = decode_descriptor(first), decode_descriptor(second)
    if left.network != network or not contradicts(left, right):
        raise DecodeError("a report of equivocation proves nothing")
    return make_proof(left, right)

"""The compact acknowledgement: a packet prebuilt by the sender who waits for it.

Spec: docs/spec/onion.md section 8. A relay that holds the blob can send that one packet and learns
neither where it goes after its first relay nor what it carries. Nothing here draws a path
(`path.draw_ack_path`) or decides when an ack is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import SEND_ID_BYTES, NodeId, SendId
from zentalk.onion.geometry import (
    AAD_BYTES,
    ACK_BLOB_BYTES,
    ACK_HOPS,
    ACK_PAYLOAD_BYTES,
    ACK_SEED_BYTES,
    BODY_OFFSET,
    SMALL,
    SUITE,
    TAG_BYTES,
    TOKEN_BYTES,
)
from zentalk.onion.packet import ACK_TOKEN, Hop
from zentalk.onion.wrap import build_packet, make_layers

_HEAD_END: Final = BODY_OFFSET + SMALL.ack_head_bytes(ACK_HOPS)
_TAG_END: Final = _HEAD_END + TAG_BYTES
_FILLER_BYTES: Final = SMALL.ack_filler_bytes(ACK_HOPS)


@dataclass(frozen=True, slots=True)
class CompactAck:
    """The ack that a deposit carries: its first relay and lane, and 330 bytes to expand."""

    first: NodeId
    lane: int
    blob: bytes = field(repr=False)


class AckToken(NamedTuple):
    """The end of an ack: a 32-byte token, and the send id that it is for."""

    send_id: SendId
    token: bytes

    def __repr__(self) -> str:
        return "<ack token>"


def build_ack(hops: Sequence[Hop], send_id: SendId, token: bytes, entropy: Entropy) -> CompactAck:
    """Prebuild the packet that brings `token` (32 bytes) to `send_id` at the last hop.

    Takes from `entropy` 32 bytes per hop and then the seed; headers, seed and token must be fresh
    for every packet. Raises LocalProtocolError unless there are exactly 3 hops and
    send id and token have their lengths; AuthenticationError if a mix key is of low order.
    """
    if len(hops) != ACK_HOPS:
        raise LocalProtocolError(f"an ack has {ACK_HOPS} hops, whatever the packet has")
    if len(send_id) != SEND_ID_BYTES or len(token) != TOKEN_BYTES:
        raise LocalProtocolError("an ack's send id or token has the wrong length")
    layers = make_layers(hops, ACK_TOKEN, ACK_PAYLOAD_BYTES, entropy)
    seed = entropy(ACK_SEED_BYTES)
    packet = build_packet(SMALL, layers, send_id + token, _filler(seed, layers[0].ct))
    blob = b"".join((packet[:_HEAD_END], packet[-TAG_BYTES:], seed))
    return CompactAck(hops[0].node_id, hops[0].lane, blob)


def expand_ack(blob: bytes) -> bytes:
    """Return the class S packet of a compact ack, to be sent to the first relay it names.

    Raises DecodeError if `blob` is not ACK_BLOB_BYTES long or of another suite; whether the
    packet is good only its relays can tell.
    """
    if len(blob) != ACK_BLOB_BYTES or blob[0] != SUITE:
        raise DecodeError("a compact ack has the wrong length or suite")
    filler = _filler(blob[_TAG_END:], blob[AAD_BYTES:BODY_OFFSET])
    return b"".join((blob[:_HEAD_END], filler, blob[_HEAD_END:_TAG_END]))


def read_ack_token(payload: bytes) -> AckToken:
    """Read the payload of service ACK_TOKEN; raises DecodeError if its length is wrong."""
    if len(payload) != ACK_PAYLOAD_BYTES:
        raise DecodeError("an ack token has the wrong length")
    return AckToken(SendId(payload[:SEND_ID_BYTES]), payload[SEND_ID_BYTES:])


def _filler(seed: bytes, ct: bytes) -> bytes:
    """Stretch a seed; bound to `ct`, so that guessing seeds must start anew for each packet."""
    return derive(Label.ACK_BODY, seed, ct, length=_FILLER_BYTES)

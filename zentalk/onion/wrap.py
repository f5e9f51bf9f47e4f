"""A sender makes a packet: the headers and keys of each hop, and the layers around a body.

Spec: docs/spec/onion.md sections 3 and 5. `ack` makes its packet of the same layers, and `peel`
derives the same keys. Nothing here chooses a path or uses an ephemeral key twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from zentalk.crypto.aead import ZERO_NONCE, ChachaSeal, chacha_seals, chacha_xor_in_turn
from zentalk.crypto.hashing import derive, derive_each
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.crypto.x25519 import encapsulate
from zentalk.errors import LocalProtocolError
from zentalk.ids import NODE_ID_BYTES
from zentalk.onion.geometry import CT_BYTES, HEADER_BYTES, MAX_HOPS, SUITE, Geometry
from zentalk.onion.packet import (
    DELIVERY_HEADER,
    FORWARD,
    FORWARD_START,
    MAX_DELAY_MS,
    MAX_LANE,
    NOBODY,
    SERVICES,
    DeliveryPlaintext,
    Hop,
)

_AEAD_KEY_END: Final = 32
_REPLAY_TAG_END: Final = 48
_KEYS_BYTES: Final = _REPLAY_TAG_END + HEADER_BYTES


class HopKeys(NamedTuple):
    """AEAD key (32 bytes), replay tag (16) and pad (88) of one packet at one hop."""

    aead_key: bytes
    replay_tag: bytes
    pad: bytes

    def __repr__(self) -> str:
        return "<hop keys>"


class Layer(NamedTuple):
    """A sender's view of one hop: its two bytes in the clear, ephemeral public key, keys.

    `start` is how its header starts (`header_starts`); `seal` seals under its AEAD key.
    """

    aad: bytes
    ct: bytes
    keys: HopKeys
    start: bytes
    seal: ChachaSeal


def hop_keys(aad: bytes, shared: bytes, ct: bytes, mix_key: bytes) -> HopKeys:
    """Derive a hop's keys; `aad` is suite and epoch byte, the others have 32 bytes."""
    return _split(derive(Label.ONION, aad, shared, ct, mix_key, length=_KEYS_BYTES))


def wrap(
    geometry: Geometry, hops: Sequence[Hop], payload: DeliveryPlaintext, entropy: Entropy
) -> bytes:
    """Return a packet of the class `geometry` that the relays of `hops` peel in order.

    Takes from `entropy` 32 bytes per hop and then the fill. Raises LocalProtocolError for a
    service that does not exist, a payload above `geometry.capacity(len(hops))`, not 1..5 hops or
    a hop that has no encoding; AuthenticationError if a mix key is of low order.
    """
    if payload.service not in SERVICES:
        raise LocalProtocolError("a packet's service does not exist")
    if not 1 <= len(hops) <= MAX_HOPS:
        raise LocalProtocolError(f"a path has 1 to {MAX_HOPS} hops")
    fill_bytes = geometry.capacities[len(hops)] - len(payload.payload)
    if fill_bytes < 0:
        raise LocalProtocolError("a payload does not fit its packet class")
    layers = make_layers(hops, payload.service, len(payload.payload), entropy)
    # Random, not zero: what follows is pseudo-random and its length grows with the path, so a
    # fill that can be told from it would show the delivery relay how long the path was.
    return build_packet(geometry, layers, payload.payload + entropy(fill_bytes), b"")


def header_starts(hops: Sequence[Hop], service: int, payload_bytes: int) -> list[bytes]:
    """Return the first 40 bytes of the header of every hop but the last, and the last's 44.

    The ct and the tag of the hop after it complete a header, the last's is complete. Raises
    LocalProtocolError if a field of a hop has no encoding.
    """
    for hop in hops:
        _check_hop(hop)
    starts = [
        FORWARD_START.pack(
            following.node_id, FORWARD, hop.delay_ms, following.epoch & 0xFF, following.lane, 0
        )
        for hop, following in pairwise(hops)
    ]
    delay_ms = hops[-1].delay_ms
    return [*starts, DELIVERY_HEADER.pack(NOBODY, service, delay_ms, 0, 0, 0, payload_bytes)]


def _check_hop(hop: Hop) -> None:
    if len(hop.node_id) != NODE_ID_BYTES or len(hop.mix_key) != CT_BYTES:
        raise LocalProtocolError("a hop's node id or mix key has not 32 bytes")
    if not 0 <= hop.lane <= MAX_LANE:
        raise LocalProtocolError(f"a hop's lane is not between 0 and {MAX_LANE}")
    if not 0 <= hop.delay_ms <= MAX_DELAY_MS:
        raise LocalProtocolError(f"a hop's delay is not between 0 and {MAX_DELAY_MS} ms")


def make_layers(
    hops: Sequence[Hop], service: int, payload_bytes: int, entropy: Entropy
) -> list[Layer]:
    """Draw an ephemeral key (32 bytes of entropy) for every hop, in path order.

    Service and payload length are for the last one's header. Raises LocalProtocolError for a hop
    that has no encoding and AuthenticationError for a mix key of low order.
    """
    starts = header_starts(hops, service, payload_bytes)
    shares = encapsulate([hop.mix_key for hop in hops], entropy)
    aads = [bytes((SUITE, hop.epoch & 0xFF)) for hop in hops]
    inputs = [
        (aad, shared, ct, hop.mix_key)
        for hop, aad, (ct, shared) in zip(hops, aads, shares, strict=True)
    ]
    keys = [_split(stream) for stream in derive_each(Label.ONION, inputs, length=_KEYS_BYTES)]
    seals = chacha_seals([key.aead_key for key in keys])
    cts = [ct for ct, _ in shares]
    return list(map(Layer, aads, cts, keys, starts, seals))


def build_packet(geometry: Geometry, layers: Sequence[Layer], payload: bytes, tail: bytes) -> bytes:
    """Return the packet whose last relay finds `payload`, and the fill, behind its header.

    `tail` is what the body ends with on the first link (a compact ack's filler, else nothing):
    all headers, payload with fill, and tail make up a body.
    """
    following = layers[-1]
    body_bytes, rest_bytes = geometry.body_bytes, geometry.rest_bytes
    plaintext = b"".join((following.start, payload, _tail_at_end(body_bytes, layers, tail)))
    sealed = following.seal(ZERO_NONCE, plaintext, following.aad)
    for layer in reversed(layers[:-1]):
        view = memoryview(sealed)
        plaintext = b"".join((layer.start, following.ct, view[body_bytes:], view[:rest_bytes]))
        sealed = layer.seal(ZERO_NONCE, plaintext, layer.aad)
        following = layer
    return b"".join((following.aad, following.ct, sealed))


def _split(stream: bytes) -> HopKeys:
    return HopKeys(
        stream[:_AEAD_KEY_END], stream[_AEAD_KEY_END:_REPLAY_TAG_END], stream[_REPLAY_TAG_END:]
    )


def _tail_at_end(body_bytes: int, layers: Sequence[Layer], tail: bytes) -> bytes:
    """Follow the end of the body through every hop: decrypted by each, padded by all but the last.

    Each layer's tag covers what later hops will see there, so the sender must know it first.
    """
    steps = [(layer.keys.aead_key, layer.keys.pad) for layer in layers[:-1]]
    return chacha_xor_in_turn(tail, [*steps, (layers[-1].keys.aead_key, b"")], body_bytes)

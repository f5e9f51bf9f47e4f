"""A sender makes a packet (spec: docs/spec/onion.md section 5).

It never chooses the path and never reuses an ephemeral key.
"""

from __future__ import annotations

from collections.abc import Sequence

from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.onion.geometry import Geometry
from zentalk.onion.layers import build_packet, make_layers
from zentalk.onion.packet import SERVICES, DeliveryPlaintext, Hop, delivery_header


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
    fill_bytes = geometry.capacity(len(hops)) - len(payload.payload)
    if fill_bytes < 0:
        raise LocalProtocolError("a payload does not fit its packet class")
    layers = make_layers(hops, entropy)
    header = delivery_header(hops[-1].delay_ms, payload.service, len(payload.payload))
    # Random, not zero: what follows is pseudo-random and its length grows with the path, so a
    # fill that can be told from it would show the delivery relay how long the path was.
    front = b"".join((header, payload.payload, entropy(fill_bytes)))
    return build_packet(geometry, layers, front, b"")

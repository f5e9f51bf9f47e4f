"""The values at the onion core's border, and the two headers inside a packet (`wrap` writes them).

Spec: docs/spec/onion.md sections 4 and 5. Nothing here encrypts. A hop's node id and mix key are
public; a payload is not, and so none of it shows in a repr.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from zentalk.ids import NODE_ID_BYTES, Epoch, NodeId
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import DELIVERY_HEADER_BYTES

FORWARD: Final = 0
"""The command of a relay that is not the last; every other command is a service number."""
DEPOSIT: Final = 1
ACK_TOKEN: Final = 2
DROP: Final = 3
"""Cover traffic: the delivery relay throws it away. A loop is an ACK_TOKEN to oneself."""
SERVICES: Final = frozenset({DEPOSIT, ACK_TOKEN, DROP})

MAX_DELAY_MS: Final = 60_000
"""Longest a relay holds a packet: bounds its memory and keeps packets inside their epoch."""
MAX_LANE: Final = 255

FORWARD_START: Final = struct.Struct(">32sBIBBB")
"""Next relay, FORWARD, own delay, next relay's epoch byte and lane, 0; then its ct and tag."""
_FORWARD_HEADER: Final = struct.Struct(FORWARD_START.format + "32s16s")
DELIVERY_HEADER: Final = struct.Struct(">32sBIBBBI")
"""Nobody, service, own delay, three zeros, length of the payload."""
NOBODY: Final = bytes(NODE_ID_BYTES)
_COMMAND_OFFSET: Final = NODE_ID_BYTES


@dataclass(frozen=True, slots=True)
class Hop:
    """One relay of a path, as its sender sees it.

    `mix_key` (32 bytes) is the key of `lane` (0..255) for `epoch`; `delay_ms` (0..60,000) is how
    long this relay holds the packet before it acts.
    """

    node_id: NodeId
    mix_key: bytes
    epoch: Epoch
    lane: int = 0
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryPlaintext:
    """The order to the last relay: a service number and that service's payload."""

    service: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forward:
    """A peeled packet for another relay, to be sent after `delay_ms`."""

    next_id: NodeId
    lane: int
    packet: bytes = field(repr=False)
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """A packet that ends here: its service gets `payload` after `delay_ms`."""

    service: int
    payload: bytes = field(repr=False)
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class ForwardHeader:
    """The fields of a forwarding header."""

    node_id: NodeId
    delay_ms: int
    epoch_byte: int
    lane: int
    ct: bytes
    tag: bytes


def read_plaintext(plaintext: bytes) -> ForwardHeader | Deliver:
    """Read the header of a decrypted body, and the payload if the packet ends here.

    Raises PacketRefusedError: `delay`, `command`, or `malformed` for reserved bytes that are not
    zero and a payload longer than the body.
    """
    if plaintext[_COMMAND_OFFSET] == FORWARD:
        node_id, _, delay_ms, epoch_byte, lane, reserved, ct, tag = _FORWARD_HEADER.unpack_from(
            plaintext
        )
        if delay_ms > MAX_DELAY_MS:
            raise PacketRefusedError("delay")
        if reserved:
            raise PacketRefusedError("malformed")
        return ForwardHeader(node_id, delay_ms, epoch_byte, lane, ct, tag)
    return _read_delivery(plaintext)


def _read_delivery(plaintext: bytes) -> Deliver:
    nobody, service, delay_ms, *reserved, length = DELIVERY_HEADER.unpack_from(plaintext)
    if service not in SERVICES:
        raise PacketRefusedError("command")
    if delay_ms > MAX_DELAY_MS:
        raise PacketRefusedError("delay")
    end = DELIVERY_HEADER_BYTES + length
    if nobody != NOBODY or any(reserved) or end > len(plaintext):
        raise PacketRefusedError("malformed")
    return Deliver(service, plaintext[DELIVERY_HEADER_BYTES:end], delay_ms)

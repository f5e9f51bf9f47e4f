"""What crosses the onion core's border, and the two headers inside a packet.

Spec: docs/spec/onion.md sections 4 and 5. Nothing here encrypts. A hop's node id and mix key are
public; a payload is not, and so none of it shows in a repr.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import LocalProtocolError
from zentalk.ids import NODE_ID_BYTES, Epoch, NodeId
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import CT_BYTES, DELIVERY_HEADER_BYTES

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

_FORWARD_HEADER: Final = struct.Struct(">32sBIBBB32s16s")
_DELIVERY_HEADER: Final = struct.Struct(">32sBIBBBI")
_COMMAND_OFFSET: Final = NODE_ID_BYTES
_NOBODY: Final = bytes(NODE_ID_BYTES)


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
    """What the last relay is to do: a service number and that service's payload."""

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
class NextHop:
    """The fields of a forwarding header."""

    node_id: NodeId
    delay_ms: int
    epoch_byte: int
    lane: int
    ct: bytes
    tag: bytes


def check_hop(hop: Hop) -> None:
    """Raise LocalProtocolError if a field of a hop has no encoding."""
    if len(hop.node_id) != NODE_ID_BYTES or len(hop.mix_key) != CT_BYTES:
        raise LocalProtocolError("a hop's node id or mix key has not 32 bytes")
    if not 0 <= hop.lane <= MAX_LANE:
        raise LocalProtocolError(f"a hop's lane is not between 0 and {MAX_LANE}")
    if not 0 <= hop.delay_ms <= MAX_DELAY_MS:
        raise LocalProtocolError(f"a hop's delay is not between 0 and {MAX_DELAY_MS} ms")


def forward_header(delay_ms: int, following: Hop, ct: bytes, tag: bytes) -> bytes:
    """Return the 88-byte header for a relay that holds `delay_ms` and sends to `following`."""
    return _FORWARD_HEADER.pack(
        following.node_id, FORWARD, delay_ms, following.epoch & 0xFF, following.lane, 0, ct, tag
    )


def delivery_header(delay_ms: int, service: int, length: int) -> bytes:
    """Return the 44-byte header for the last relay."""
    return _DELIVERY_HEADER.pack(_NOBODY, service, delay_ms, 0, 0, 0, length)


def read_plaintext(plaintext: bytes) -> NextHop | Deliver:
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
        return NextHop(node_id, delay_ms, epoch_byte, lane, ct, tag)
    return _read_delivery(plaintext)


def _read_delivery(plaintext: bytes) -> Deliver:
    nobody, service, delay_ms, *reserved, length = _DELIVERY_HEADER.unpack_from(plaintext)
    if service not in SERVICES:
        raise PacketRefusedError("command")
    if delay_ms > MAX_DELAY_MS:
        raise PacketRefusedError("delay")
    end = DELIVERY_HEADER_BYTES + length
    if nobody != _NOBODY or any(reserved) or end > len(plaintext):
        raise PacketRefusedError("malformed")
    return Deliver(service, plaintext[DELIVERY_HEADER_BYTES:end], delay_ms)

"""The payload of onion service 1: a sealed envelope for one send id.

Spec: docs/spec/mailbox.md section 2. The layout is binary and of constant size per
packet class, computed for a path of 5 hops with a compact ack, whatever the path is,
so that its size says nothing. The envelope is opaque here.

| offset | bytes | field |
|---|---|---|
| 0 | 1 | format |
| 1 | 16 | send id |
| 17 | 16 | deposit id |
| 33 | 2 | time to live in hours |
| 35 | 1 | 1 if an ack follows, 0 if random bytes stand in its place |
| 36 | 363 | first relay of the ack 32, its lane 1, compact ack 330 |
| 399 | 9 | proof of work: its hour mod 256, nonce 8; zeros if none was done |
| 408 | E | envelope |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import DEPOSIT_ID_BYTES, NODE_ID_BYTES, SEND_ID_BYTES, DepositId, NodeId, SendId
from zentalk.wire.packet_class import PacketClass

FORMAT: Final = 2
COMPACT_ACK_BYTES: Final = 330
ACK_BYTES: Final = NODE_ID_BYTES + 1 + COMPACT_ACK_BYTES
NONCE_BYTES: Final = 8
STAMP_BYTES: Final = 1 + NONCE_BYTES
_STAMP_AT: Final = 1 + SEND_ID_BYTES + DEPOSIT_ID_BYTES + 2 + 1 + ACK_BYTES
_FIXED_BYTES: Final = _STAMP_AT + STAMP_BYTES
DEPOSIT_SMALL_BYTES: Final = 2114
"""Capacity of a class S packet over 5 hops (checked against the geometry in tests)."""
DEPOSIT_LARGE_BYTES: Final = 33346
"""Capacity of a class L packet over 5 hops."""
ENVELOPE_SMALL_BYTES: Final = DEPOSIT_SMALL_BYTES - _FIXED_BYTES
ENVELOPE_LARGE_BYTES: Final = DEPOSIT_LARGE_BYTES - _FIXED_BYTES
_CLASS_BY_SIZE: Final = {
    ENVELOPE_SMALL_BYTES: PacketClass.SMALL,
    ENVELOPE_LARGE_BYTES: PacketClass.LARGE,
}
HOUR_SECONDS: Final = 3600
_MAX_HOURS: Final = 65535


@dataclass(frozen=True, slots=True)
class AckRoute:
    """Where a compact ack starts, and the ack itself (330 bytes)."""

    first: NodeId
    lane: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """Proof of work: the hour or day it was done for, mod 256, and the number that was found."""

    epoch: int
    nonce: bytes


NO_STAMP: Final = Stamp(0, bytes(NONCE_BYTES))


def encode_stamp(stamp: Stamp) -> bytes:
    """Encode proof of work; raises LocalProtocolError if the nonce has the wrong length."""
    if len(stamp.nonce) != NONCE_BYTES:
        raise LocalProtocolError("the nonce of a proof of work has the wrong length")
    return bytes([stamp.epoch]) + stamp.nonce


def decode_stamp(data: bytes) -> Stamp:
    """Read proof of work; raises DecodeError if it has not exactly STAMP_BYTES bytes."""
    if len(data) != STAMP_BYTES:
        raise DecodeError("a proof of work has the wrong length")
    return Stamp(data[0], data[1:])


def stamped_epoch(stamp: Stamp, now_epoch: int) -> int | None:
    """Return which of this hour or day, the one before and the one after a stamp means, if any."""
    if stamp == NO_STAMP:
        return None
    for epoch in (now_epoch, now_epoch - 1, now_epoch + 1):
        if epoch % 256 == stamp.epoch:
            return epoch
    return None


@dataclass(frozen=True, slots=True)
class Deposit:
    """One sealed envelope on its way into a mailbox."""

    send_id: SendId
    deposit_id: DepositId
    ttl_seconds: int
    ack: AckRoute | None
    envelope: bytes
    stamp: Stamp = NO_STAMP


def envelope_class(envelope: bytes) -> PacketClass:
    """Return the class of packets that an envelope fills.

    Raises LocalProtocolError if the envelope has not exactly one of the two constant sizes.
    """
    if len(envelope) not in _CLASS_BY_SIZE:
        raise LocalProtocolError("an envelope has not the constant size of a packet class")
    return _CLASS_BY_SIZE[len(envelope)]


def encode_deposit(deposit: Deposit, filler: bytes) -> bytes:
    """Encode a deposit; `filler` (random, ACK_BYTES) stands in for a missing ack.

    The time to live is rounded up to whole hours. Raises LocalProtocolError if the
    envelope has not exactly one of the two constant sizes.
    """
    envelope_class(deposit.envelope)
    hours = -(-deposit.ttl_seconds // HOUR_SECONDS)
    if not 1 <= hours <= _MAX_HOURS:
        raise LocalProtocolError("a time to live is not between 1 hour and 65,535 hours")
    ack = filler if deposit.ack is None else _encode_ack(deposit.ack)
    if len(ack) != ACK_BYTES:
        raise LocalProtocolError("a deposit's ack has the wrong length")
    return b"".join(
        (
            bytes([FORMAT]),
            deposit.send_id,
            deposit.deposit_id,
            hours.to_bytes(2, "big"),
            bytes([deposit.ack is not None]),
            ack,
            encode_stamp(deposit.stamp),
            deposit.envelope,
        )
    )


def decode_deposit(payload: bytes) -> Deposit:
    """Decode a deposit; raises DecodeError if its size or a field is not valid."""
    if len(payload) not in (DEPOSIT_SMALL_BYTES, DEPOSIT_LARGE_BYTES):
        raise DecodeError("a deposit has not the constant size of a packet class")
    if payload[0] != FORMAT:
        raise DecodeError("a deposit has a format that this version does not know")
    hours = int.from_bytes(payload[33:35], "big")
    if hours == 0 or payload[35] > 1:
        raise DecodeError("a deposit's time to live or ack flag is not valid")
    ack = payload[36 : 36 + ACK_BYTES]
    return Deposit(
        send_id=SendId(payload[1:17]),
        deposit_id=DepositId(payload[17:33]),
        ttl_seconds=hours * HOUR_SECONDS,
        ack=_decode_ack(ack) if payload[35] else None,
        envelope=payload[_FIXED_BYTES:],
        stamp=decode_stamp(payload[_STAMP_AT:_FIXED_BYTES]),
    )


def _encode_ack(route: AckRoute) -> bytes:
    return route.first + bytes([route.lane]) + route.blob


def _decode_ack(data: bytes) -> AckRoute:
    return AckRoute(NodeId(data[:32]), data[32], data[33:])

"""Beacons, by which contacts in one local network find each other, and offers sealed for there.

Spec: docs/spec/direct.md section 8. Both have one size, and nothing in them names anybody: whose a
mark is, and what is sealed, knows `zentalk.direct`.

    beacon      0x0b || slot 4 || nonce 16 || 16 x (mark 8 || hidden port 2)
    near offer  0x0c || mark 8 || salt 12 || sealed (nonce 16 || length 2 || offer, zeros) || tag 16
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.direct import MAX_OFFER_BYTES

BEACON: Final = 0x0B
NEAR_OFFER: Final = 0x0C
"""First bytes; see `zentalk.wire.echo` for their neighbours."""
NONCE_BYTES: Final = 16
MARK_BYTES: Final = 8
PORT_BYTES: Final = 2
ENTRIES: Final = 16
ENTRY_BYTES: Final = MARK_BYTES + PORT_BYTES
SALT_BYTES: Final = 12
_SLOT_BYTES: Final = 4
_LENGTH_BYTES: Final = 2
_SEAL_BYTES: Final = 16
_HEAD_BYTES: Final = 1 + _SLOT_BYTES + NONCE_BYTES
BEACON_BYTES: Final = _HEAD_BYTES + ENTRIES * ENTRY_BYTES
_BODY_BYTES: Final = NONCE_BYTES + _LENGTH_BYTES + MAX_OFFER_BYTES
_SEALED_AT: Final = 1 + MARK_BYTES + SALT_BYTES
NEAR_OFFER_BYTES: Final = _SEALED_AT + _BODY_BYTES + _SEAL_BYTES
MAX_SLOT: Final = 2 ** (8 * _SLOT_BYTES) - 1


class Beacon(NamedTuple):
    """A beacon as it was read: for whom its entries are, their marks say."""

    slot: int
    nonce: bytes
    entries: tuple[bytes, ...]


class SealedOffer(NamedTuple):
    """An offer for one reader in the local network: for whom, its mark says."""

    mark: bytes
    salt: bytes
    sealed: bytes


class NearOffer(NamedTuple):
    """An offer as it was sealed, and the nonce under which its reader may answer."""

    nonce: bytes
    offer: bytes

    def __repr__(self) -> str:
        return "<near offer>"


def encode_beacon(beacon: Beacon) -> bytes:
    """Return a beacon of 181 bytes; raises LocalProtocolError for another number of entries."""
    data = b"".join((bytes((BEACON,)), beacon_head(beacon.slot, beacon.nonce), *beacon.entries))
    if len(beacon.entries) != ENTRIES or len(data) != BEACON_BYTES:
        raise LocalProtocolError("a beacon has 16 entries of 10 bytes")
    return data


def decode_beacon(data: bytes) -> Beacon:
    """Read a beacon without looking whose it is; raises DecodeError."""
    if len(data) != BEACON_BYTES or data[0] != BEACON:
        raise DecodeError("a datagram is no beacon")
    nonce_at = 1 + _SLOT_BYTES
    return Beacon(
        int.from_bytes(data[1:nonce_at], "big"),
        data[nonce_at:_HEAD_BYTES],
        tuple(data[at : at + ENTRY_BYTES] for at in range(_HEAD_BYTES, BEACON_BYTES, ENTRY_BYTES)),
    )


def beacon_head(slot: int, nonce: bytes) -> bytes:
    """Return the part of a beacon that its marks are made over, beside its sender's address."""
    return slot.to_bytes(_SLOT_BYTES, "big") + nonce


def encode_sealed_offer(offer: SealedOffer) -> bytes:
    """Return a sealed offer as a datagram."""
    return bytes((NEAR_OFFER,)) + offer.mark + offer.salt + offer.sealed


def decode_sealed_offer(data: bytes) -> SealedOffer:
    """Read a sealed offer without opening it; raises DecodeError."""
    if len(data) != NEAR_OFFER_BYTES or data[0] != NEAR_OFFER:
        raise DecodeError("a datagram is no sealed offer")
    mark_end = 1 + MARK_BYTES
    return SealedOffer(data[1:mark_end], data[mark_end:_SEALED_AT], data[_SEALED_AT:])


def encode_near_offer(near: NearOffer) -> bytes:
    """Return what is sealed, of one size; raises LocalProtocolError for a longer offer."""
    if len(near.offer) > MAX_OFFER_BYTES:
        raise LocalProtocolError("an offer is longer than it may be")
    length = len(near.offer).to_bytes(_LENGTH_BYTES, "big")
    return near.nonce + length + near.offer.ljust(MAX_OFFER_BYTES, b"\0")


def decode_near_offer(data: bytes) -> NearOffer:
    """Read what was sealed; raises DecodeError. The offer is read by `zentalk.wire.direct`."""
    start = NONCE_BYTES + _LENGTH_BYTES
    if len(data) != _BODY_BYTES:
        raise DecodeError("a near offer is of another length")
    end = start + int.from_bytes(data[NONCE_BYTES:start], "big")
    if end > _BODY_BYTES or any(data[end:]):
        raise DecodeError("a near offer is not padded as it must be")
    return NearOffer(data[:NONCE_BYTES], data[start:end])

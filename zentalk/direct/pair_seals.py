"""Keys, marks and seals between two contacts: what nobody else knows of their beacons.

Spec: docs/spec/direct.md section 8.1. The keys come of both identities alone, so that they are
there without a relay; each direction has its own. They open no messages: what a line carries is
sealed as ever, and the line itself has keys of its session.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from zentalk.crypto import ed25519, x25519
from zentalk.crypto.aead import chacha_open, chacha_seal
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import derive, salted_digests
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import UserAddress
from zentalk.wire.beacon import (
    ENTRY_BYTES,
    MARK_BYTES,
    SALT_BYTES,
    NearOffer,
    SealedOffer,
    beacon_head,
    decode_near_offer,
    encode_near_offer,
    encode_sealed_offer,
)

_KEY_BYTES: Final = 32


class PairSeals:
    """Makes and knows what goes between the owner of an identity and one contact.

    Raises AuthenticationError if the contact's key is none, or our own.
    """

    __slots__ = ("_entries_of_ours", "_entries_of_theirs", "_keys_of_ours", "_keys_of_theirs")

    def __init__(self, own: SigningKey, contact: UserAddress) -> None:
        if own.public == contact:
            raise AuthenticationError("a pair needs two different identities")
        shared = x25519.exchange(own.to_x25519().secret, ed25519.to_x25519_public(contact))
        sides = sorted((own.public, bytes(contact)))
        keys = derive(Label.DIRECT_PAIR, shared, *sides, length=4 * _KEY_BYTES)
        of_beacons = [
            salted_digests(Label.DIRECT_BEACON, key, ENTRY_BYTES)
            for key in (keys[:_KEY_BYTES], keys[_KEY_BYTES : 2 * _KEY_BYTES])
        ]
        of_offers = [
            salted_digests(Label.DIRECT_NEAR, key, MARK_BYTES + _KEY_BYTES)
            for key in (keys[2 * _KEY_BYTES : 3 * _KEY_BYTES], keys[3 * _KEY_BYTES :])
        ]
        ours = sides.index(own.public)
        self._entries_of_ours, self._entries_of_theirs = of_beacons[ours], of_beacons[1 - ours]
        self._keys_of_ours, self._keys_of_theirs = of_offers[ours], of_offers[1 - ours]

    def __repr__(self) -> str:
        return "<pair seals>"

    def entry(self, slot: int, nonce: bytes, address: str, port: int) -> bytes:
        """Return the contact's entry in a beacon that we send from an address."""
        made = self._entries_of_ours(_signed(slot, nonce, address))
        return made[:MARK_BYTES] + _hidden(port, made)

    def mark(self, slot: int, nonce: bytes, address: str) -> bytes:
        """Return the mark that our entry has in a beacon of the contact from an address."""
        return self._entries_of_theirs(_signed(slot, nonce, address))[:MARK_BYTES]

    def port(self, slot: int, nonce: bytes, address: str, entry: bytes) -> int:
        """Return the port in our entry of a beacon of the contact."""
        made = self._entries_of_theirs(_signed(slot, nonce, address))
        return int.from_bytes(_hidden(int.from_bytes(entry[MARK_BYTES:], "big"), made), "big")

    def seal(self, nonce: bytes, near: NearOffer, entropy: Entropy) -> bytes:
        """Return the datagram with an offer, under a nonce that the contact gave out."""
        made = self._keys_of_ours(nonce)
        salt = entropy(SALT_BYTES)
        sealed = chacha_seal(made[MARK_BYTES:], salt, encode_near_offer(near))
        return encode_sealed_offer(SealedOffer(made[:MARK_BYTES], salt, sealed))

    def offer_mark(self, nonce: bytes) -> bytes:
        """Return the mark of an offer of the contact under a nonce that we gave out."""
        return self._keys_of_theirs(nonce)[:MARK_BYTES]

    def open(self, nonce: bytes, offer: SealedOffer) -> NearOffer | None:
        """Return an offer of the contact under a nonce of ours; None if it is not the contact's."""
        key = self._keys_of_theirs(nonce)[MARK_BYTES:]
        try:
            return decode_near_offer(chacha_open(key, offer.salt, offer.sealed))
        except (AuthenticationError, DecodeError):
            return None


def _signed(slot: int, nonce: bytes, address: str) -> bytes:
    """The source of a beacon is part of it: from elsewhere it is nobody's."""
    return beacon_head(slot, nonce) + ipaddress.ip_address(address.partition("%")[0]).packed


def _hidden(port: int, made: bytes) -> bytes:
    mask = made[MARK_BYTES:ENTRY_BYTES]
    return bytes(one ^ other for one, other in zip(port.to_bytes(2, "big"), mask, strict=True))

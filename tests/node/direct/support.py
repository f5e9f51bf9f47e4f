"""What the tests of direct connections share: offers, and people who have ways."""

from __future__ import annotations

from itertools import count

from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.node.direct.ways import OwnOffer
from zentalk.wire.direct import DirectOffer, Nat

ALICE, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
_NUMBERS = count(1)


def own_offer(session: bytes) -> OwnOffer:
    """Return an offer without places, each with another key."""
    key = SigningKey(next(_NUMBERS).to_bytes(32, "big"))
    return OwnOffer(DirectOffer(session, key.public[::-1], key.public, Nat.UNKNOWN, ()), key)


def offer(session: bytes) -> DirectOffer:
    """Return somebody's offer without places."""
    return own_offer(session).offer

"""Beacons and sealed offers: one size each, one encoding, and nothing that is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.beacon import (
    BEACON,
    BEACON_BYTES,
    ENTRIES,
    ENTRY_BYTES,
    MARK_BYTES,
    MAX_SLOT,
    NEAR_OFFER,
    NEAR_OFFER_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    Beacon,
    NearOffer,
    SealedOffer,
    decode_beacon,
    decode_near_offer,
    decode_sealed_offer,
    encode_beacon,
    encode_near_offer,
    encode_sealed_offer,
)
from zentalk.wire.direct import MAX_OFFER_BYTES


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


beacons = st.builds(
    Beacon,
    st.integers(0, MAX_SLOT),
    exactly(NONCE_BYTES),
    st.lists(exactly(ENTRY_BYTES), min_size=ENTRIES, max_size=ENTRIES).map(tuple),
)
SEALED_BYTES = NEAR_OFFER_BYTES - 1 - MARK_BYTES - SALT_BYTES


@given(beacons)
def test_a_beacon_is_read_as_it_was_written(beacon: Beacon) -> None:
    data = encode_beacon(beacon)
    assert len(data) == BEACON_BYTES == 181
    assert data[0] == BEACON < 0x40
    assert decode_beacon(data) == beacon


@given(st.builds(NearOffer, exactly(NONCE_BYTES), st.binary(max_size=MAX_OFFER_BYTES)))
def test_an_offer_to_seal_has_one_size_and_is_read_as_it_was_written(near: NearOffer) -> None:
    data = encode_near_offer(near)
    assert len(data) == SEALED_BYTES - 16
    assert decode_near_offer(data) == near
    assert repr(near) == "<near offer>"


@given(st.builds(SealedOffer, exactly(MARK_BYTES), exactly(SALT_BYTES), exactly(SEALED_BYTES)))
def test_a_sealed_offer_is_read_as_it_was_written(offer: SealedOffer) -> None:
    data = encode_sealed_offer(offer)
    assert len(data) == NEAR_OFFER_BYTES
    assert data[0] == NEAR_OFFER < 0x40
    assert decode_sealed_offer(data) == offer


@pytest.mark.parametrize(
    ("decode", "size", "first"),
    [
        (decode_beacon, BEACON_BYTES, BEACON),
        (decode_sealed_offer, NEAR_OFFER_BYTES, NEAR_OFFER),
    ],
)
def test_other_sizes_and_first_bytes_are_refused(decode: object, size: int, first: int) -> None:
    assert callable(decode)
    good = bytes((first,)).ljust(size, b"x")
    decode(good)
    for bad in (b"", good[:-1], good + b"x", bytes((first ^ 1,)) + good[1:]):
        with pytest.raises(DecodeError):
            decode(bad)


def test_an_offer_that_is_not_padded_with_zeros_or_longer_than_it_says_is_refused() -> None:
    good = encode_near_offer(NearOffer(bytes(NONCE_BYTES), b"offer"))
    at = NONCE_BYTES
    for bad in (
        good[:-1],
        good[:-1] + b"x",
        good[:at] + b"\xff\xff" + good[at + 2 :],
        good[:at] + (MAX_OFFER_BYTES + 1).to_bytes(2, "big") + good[at + 2 :],
    ):
        with pytest.raises(DecodeError):
            decode_near_offer(bad)


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(LocalProtocolError):
        encode_near_offer(NearOffer(bytes(NONCE_BYTES), bytes(MAX_OFFER_BYTES + 1)))
    for entries in ((), (bytes(ENTRY_BYTES),) * (ENTRIES - 1), (bytes(9),) * ENTRIES):
        with pytest.raises(LocalProtocolError):
            encode_beacon(Beacon(1, bytes(NONCE_BYTES), entries))

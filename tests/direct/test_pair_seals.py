"""Marks and seals between two contacts: known to both, to nobody else, and to one direction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.direct.near_support import address, key, seals
from zentalk.direct.pair_seals import PairSeals
from zentalk.errors import AuthenticationError
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.beacon import MARK_BYTES, NearOffer, SealedOffer, decode_sealed_offer

HERE, THERE = "192.168.1.2", "192.168.1.3"
NONCE, OTHER_NONCE = b"n" * 16, b"o" * 16
ENTROPY = seeded_entropy(b"seals")
names = st.sampled_from(["alice", "bob", "carol", "dave"])
places = st.sampled_from([HERE, THERE, "fe80::1", "fe80::1%2"])


@given(st.lists(names, min_size=2, max_size=2, unique=True), places, st.integers(0, 65_535))
def test_a_contact_knows_its_entry_and_the_port_in_it(
    people: list[str], place: str, port: int
) -> None:
    one, other = people
    entry = seals(one, other).entry(7, NONCE, place, port)
    reader = seals(other, one)
    there = place.partition("%")[0] + "%9" if place.startswith("fe80") else place
    assert entry[:MARK_BYTES] == reader.mark(7, NONCE, there), "scopes are of each machine alone"
    assert reader.port(7, NONCE, there, entry) == port


def test_a_mark_is_of_one_pair_direction_slot_nonce_and_address() -> None:
    mark = seals("bob", "alice").mark(7, NONCE, HERE)
    others = [
        seals("bob", "carol").mark(7, NONCE, HERE),
        seals("carol", "alice").mark(7, NONCE, HERE),
        seals("alice", "bob").mark(7, NONCE, HERE),
        seals("bob", "alice").mark(8, NONCE, HERE),
        seals("bob", "alice").mark(7, OTHER_NONCE, HERE),
        seals("bob", "alice").mark(7, NONCE, THERE),
        seals("bob", "alice").offer_mark(NONCE),
        seals("alice", "bob").offer_mark(NONCE),
    ]
    assert len({mark, *others}) == 1 + len(others)


@given(st.binary(max_size=512))
def test_an_offer_opens_for_the_contact_under_its_nonce(offer: bytes) -> None:
    near = NearOffer(OTHER_NONCE, offer)
    sealed = decode_sealed_offer(seals("alice", "bob").seal(NONCE, near, ENTROPY))
    reader = seals("bob", "alice")
    assert sealed.mark == reader.offer_mark(NONCE)
    assert reader.open(NONCE, sealed) == near
    assert reader.open(OTHER_NONCE, sealed) is None
    assert seals("carol", "alice").open(NONCE, sealed) is None
    assert seals("alice", "bob").open(NONCE, sealed) is None, "our own comes back as nothing"


@given(st.integers(0, 545), st.integers(1, 255))
def test_a_changed_offer_does_not_open(at: int, change: int) -> None:
    sealed = decode_sealed_offer(
        seals("alice", "bob").seal(NONCE, NearOffer(OTHER_NONCE, b"offer"), ENTROPY)
    )
    bad = bytearray(sealed.sealed)
    bad[at] ^= change
    changed = SealedOffer(sealed.mark, sealed.salt, bytes(bad))
    assert seals("bob", "alice").open(NONCE, changed) is None


def test_one_nonce_seals_two_offers_under_two_salts() -> None:
    """Whoever restarts does not know what it has answered: what it reads twice it answers."""
    one, other = (
        decode_sealed_offer(seals("alice", "bob").seal(NONCE, NearOffer(NONCE, data), ENTROPY))
        for data in (b"one", b"other")
    )
    assert one.mark == other.mark
    assert one.salt != other.salt


def test_who_has_no_key_or_ours_is_no_pair() -> None:
    for contact in (address("alice"), UserAddress(bytes(32)), UserAddress(b"\xff" * 32)):
        with pytest.raises(AuthenticationError):
            PairSeals(key("alice"), contact)


def test_nothing_of_it_is_shown() -> None:
    assert repr(seals("alice", "bob")) == "<pair seals>"

"""An identity under a recovery phrase: only the phrase opens it, and it is who it says it is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto import aead
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Secret
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.wire import recovery
from zentalk.wire.recovery import (
    SEALED_IDENTITY_BYTES,
    open_identity,
    seal_identity,
    sealed_owner,
)

ALICE, MALLORY = SigningKey(b"a" * 32), SigningKey(b"m" * 32)
PHRASE = Secret(b"0123456789abcdef")
SEALED = seal_identity(ALICE, PHRASE, random.Random(1).randbytes)


def test_the_phrase_opens_it() -> None:
    assert len(SEALED) == SEALED_IDENTITY_BYTES == 113
    assert sealed_owner(SEALED) == ALICE.public
    assert open_identity(SEALED, PHRASE).seed == ALICE.seed


@given(st.binary(min_size=16, max_size=16))
def test_another_phrase_does_not(other: bytes) -> None:
    if other != PHRASE:
        with pytest.raises(AuthenticationError):
            open_identity(SEALED, Secret(other))


@given(st.integers(0, 8 * SEALED_IDENTITY_BYTES - 1))
def test_no_bit_of_it_can_be_changed(bit: int) -> None:
    damaged = bytearray(SEALED)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises((AuthenticationError, DecodeError)):
        open_identity(bytes(damaged), PHRASE)


@given(st.binary(max_size=SEALED_IDENTITY_BYTES + 1))
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises((AuthenticationError, DecodeError)):
        open_identity(raw, PHRASE)


def test_an_identity_of_somebody_else_under_our_address_is_refused() -> None:
    header = bytes([recovery.FORMAT]) + ALICE.public + bytes(32)
    key = recovery._key(header, PHRASE)
    forged = header + aead.chacha_seal(key, aead.ZERO_NONCE, MALLORY.seed, header)
    with pytest.raises(AuthenticationError, match="not of the owner"):
        open_identity(forged, PHRASE)


def test_it_shows_nothing_of_the_seed_and_is_another_each_time() -> None:
    again = seal_identity(ALICE, PHRASE, random.Random(2).randbytes)
    assert SEALED.find(ALICE.seed) < 0
    assert again[33:] != SEALED[33:]

"""HKDF over HMAC-BLAKE2b against its definition, and a cipher that counts only what opened."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto.noise import CounterCipher, hkdf_pair, noise_hash
from zentalk.errors import AuthenticationError, LocalProtocolError


def hmac_blake2b(key: bytes, data: bytes) -> bytes:
    """RFC 2104, by hand: block length 128."""
    key = key if len(key) <= 128 else hashlib.blake2b(key).digest()
    key = key.ljust(128, b"\0")
    inner = hashlib.blake2b(bytes(byte ^ 0x36 for byte in key) + data).digest()
    return hashlib.blake2b(bytes(byte ^ 0x5C for byte in key) + inner).digest()


@given(st.binary(min_size=64, max_size=64), st.binary(max_size=64))
def test_hkdf_is_the_one_of_noise(chaining_key: bytes, material: bytes) -> None:
    extracted = hmac_blake2b(chaining_key, material)
    first = hmac_blake2b(extracted, b"\1")
    assert hkdf_pair(chaining_key, material) == (first, hmac_blake2b(extracted, first + b"\2"))


def test_the_hash_is_blake2b_with_64_bytes() -> None:
    assert noise_hash(b"a", b"b") == hashlib.blake2b(b"ab").digest()


def test_a_cipher_counts_only_what_opened() -> None:
    seal, opener = CounterCipher(bytes(32)), CounterCipher(bytes(32))
    first, second = seal.seal(b"first"), seal.seal(b"second")
    with pytest.raises(AuthenticationError):
        opener.open(second)
    with pytest.raises(AuthenticationError):
        opener.open(first, b"other data")
    with pytest.raises(AuthenticationError):
        opener.open(b"short")
    assert opener.open(first) == b"first"
    with pytest.raises(AuthenticationError):
        opener.open(first)
    assert opener.open(second) == b"second"


def test_one_plaintext_is_never_sealed_the_same_way_twice() -> None:
    cipher = CounterCipher(bytes(32))
    assert len({cipher.seal(b"same") for _ in range(100)}) == 100


def test_a_cipher_never_uses_the_reserved_counter() -> None:
    cipher = CounterCipher(bytes(32))
    cipher._counter = 2**64 - 1
    with pytest.raises(LocalProtocolError):
        cipher.seal(b"")


def test_a_cipher_does_not_show_its_key() -> None:
    assert repr(CounterCipher(b"k" * 32)) == "<cipher, 0 messages>"

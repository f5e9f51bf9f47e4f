"""P-256 against the vectors of the standards that use it, and what is no key of the curve."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from zentalk.crypto.hashing import hkdf_sha256
from zentalk.crypto.p256 import P256Key, check_public
from zentalk.errors import AuthenticationError

# RFC 6979, appendix A.2.5.
SCALAR = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
PUBLIC = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
SIGNATURE = (
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)


def test_the_key_and_the_signature_of_rfc_6979() -> None:
    key = P256Key.of_scalar(SCALAR)
    assert key.public == PUBLIC
    assert key.sign(b"sample").hex() == SIGNATURE
    assert repr(key) == "<P-256 key>"


def test_a_signature_is_one_that_others_accept() -> None:
    key = P256Key(b"x" * 32)
    made = key.sign(b"data")
    r, s = (int.from_bytes(half, "big") for half in (made[:32], made[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.public)
    public.verify(utils.encode_dss_signature(r, s), b"data", ec.ECDSA(SHA256()))


def test_both_sides_share_a_secret() -> None:
    one, two = P256Key(b"1" * 32), P256Key(b"2" * 32)
    assert one.exchange(two.public) == two.exchange(one.public)


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_any_32_bytes_make_a_key(secret: bytes) -> None:
    check_public(P256Key(secret).public)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        bytes(65),
        b"\x00",
        PUBLIC[:-1],
        PUBLIC + b"\x00",
        PUBLIC[:-1] + b"\x00",
        b"\x02" + PUBLIC[1:33],
        b"\x03" + PUBLIC[1:],
    ],
)
def test_what_is_no_point_is_refused(public: bytes) -> None:
    with pytest.raises(AuthenticationError):
        check_public(public)
    with pytest.raises(AuthenticationError):
        P256Key(b"1" * 32).exchange(public)


def test_hkdf_of_rfc_5869() -> None:
    """Appendix A.1, of which 32 bytes are the first block."""
    made = hkdf_sha256(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 32)
    assert made.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"

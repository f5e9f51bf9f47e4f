"""A certificate that says nothing: for TLS where another handshake says who is there.

It is self-signed, has no names and the same dates for everybody, and its Ed25519 key is made for
it and kept nowhere. Nobody may take it as a proof of anything. Form: RFC 5280 section 4.1,
version 1, with RFC 8410 for the key.
"""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zentalk.crypto.types import Entropy, Secret

_ALGORITHM: Final = bytes.fromhex("300506032b6570")
_NO_NAME: Final = bytes.fromhex("3000")
_DATES: Final = b"\x30\x1e\x17\x0d000101000000Z\x17\x0d491231235959Z"
"""All that two digits of a year can say: a date of making would tell when a program started."""
_SERIAL: Final = bytes.fromhex("020101")
_SECRET_HEAD: Final = bytes.fromhex("302e020100") + _ALGORITHM + bytes.fromhex("04220420")


@dataclass(frozen=True, slots=True)
class NamelessCertificate:
    """A certificate and its secret key, each in PEM."""

    certificate: bytes
    secret_key: Secret


def nameless_certificate(entropy: Entropy) -> NamelessCertificate:
    """Make a certificate with a key of its own from 32 bytes of entropy."""
    seed = entropy(32)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = _sequence(_ALGORITHM, _bits(key.public_key().public_bytes_raw()))
    body = _sequence(_SERIAL, _ALGORITHM, _NO_NAME, _DATES, _NO_NAME, public)
    signed = _sequence(body, _ALGORITHM, _bits(key.sign(body)))
    return NamelessCertificate(
        _pem(b"CERTIFICATE", signed), Secret(_pem(b"PRIVATE KEY", _SECRET_HEAD + seed))
    )


def _sequence(*parts: bytes) -> bytes:
    return _element(0x30, b"".join(parts))


def _bits(data: bytes) -> bytes:
    return _element(0x03, b"\0" + data)


def _element(tag: int, content: bytes) -> bytes:
    """Return a DER element; contents of 256 bytes and more do not occur."""
    size = len(content)
    return bytes([tag, size] if size < 0x80 else [tag, 0x81, size]) + content


def _pem(label: bytes, data: bytes) -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, encodebytes(data), label)
